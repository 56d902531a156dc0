/**
 * Intake: `POST /sessions/{id}/log`. A body that comes in one piece is copied from the library's memory straight into the
 * shard's slab; one that comes in parts is collected first, so that memory follows what was sent and not what was
 * announced. Then the batch is queued, and it is answered when its block is published. Nothing of a request has an effect
 * before its last chunk.
 */
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { assert } from "../base/assert.ts";
import { ByteColumn, utf8 } from "../base/bytes.ts";
import { type SessionId, tryParseSessionId } from "../base/ids.ts";
import { bodyEncoding, itemKind } from "../handoff/job.ts";
import type { SessionInput } from "../wire/api.ts";
import { appendAnswer } from "../wire/append-answer.hot.ts";
import { bodyKindOf } from "../wire/body-kind.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { busyRefusal, type Engine, overloadedRefusal } from "./engine.ts";
import { isLoopback, refusalAnswer, writeAnswer } from "./exchange.ts";
import { isRefusal, parseSessionQuery } from "./query-input.ts";
import type { Session } from "./session.ts";
import type { Batch } from "./shard.ts";

// The library takes bytes as they are, and texts only by way of a copy.
const contentTypeHeader = utf8("Content-Type");
const jsonType = utf8("application/json");
const names = {
  contentType: utf8("content-type"),
  contentEncoding: utf8("content-encoding"),
  contentLength: utf8("content-length"),
  idempotencyKey: utf8("idempotency-key"),
};
const keyPattern = /^[A-Za-z0-9._-]{1,64}:(0|[1-9][0-9]{0,18})$/;

/** What a request's head says, once it was found good. */
interface AppendHead {
  session: Session | undefined;
  bodyKind: number;
  encoding: number;
  sizeBytes: number;
  key: string;
  synced: boolean;
  /** `create=true` and the session's members, for a session that is not known yet. */
  create: SessionInput | undefined;
  id: SessionId;
}

/** Takes one append in; every path ends in exactly one answer or in the peer's going. */
export function intake(engine: Engine, bodyLimitBytes: number, response: HttpResponse, request: HttpRequest): void {
  engine.counters.request++;
  const head = readHead(engine, bodyLimitBytes, request);
  if ("code" in head) {
    response.onAborted(() => {});
    engine.counters.bad_request++;
    response.cork(() => writeAnswer(response, refusalAnswer(head)));
    return;
  }
  const append = new Append(engine, head, response);
  response.onAborted(() => append.abort());
  response.onData((chunk, isLast) => append.take(chunk, isLast));
}

/** An append between its head and its answer. */
class Append implements Batch {
  readonly kind = itemKind.append;
  session: Session;
  offset = -1;
  readonly sizeBytes: number;
  readonly bodyKind: number;
  readonly encoding: number;
  receivedMs = 0;
  readonly key: string;
  readonly document = undefined;
  readonly synced: boolean;
  readonly #engine: Engine;
  readonly #head: AppendHead;
  readonly #response: HttpResponse;
  /** What came of a body that did not come in one piece. */
  #staged: ByteColumn | undefined;
  #isAborted = false;
  #isAnswered = false;

  constructor(engine: Engine, head: AppendHead, response: HttpResponse) {
    this.#engine = engine;
    this.#head = head;
    this.#response = response;
    // A session that is to be created comes to be with the last chunk: before it nothing has an effect.
    this.session = head.session as Session;
    this.sizeBytes = head.sizeBytes;
    this.bodyKind = head.bodyKind;
    this.encoding = head.encoding;
    this.key = head.key;
    this.synced = head.synced;
  }

  /** @param chunk the library's memory: gone when this returns. */
  take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#isAnswered) return;
    assert((this.#staged?.length ?? 0) + chunk.byteLength <= this.sizeBytes, "the library keeps to the content length");
    if (!isLast) return this.#stage(new Uint8Array(chunk));
    if (this.#staged === undefined) return this.#queue(new DataView(chunk));
    this.#stage(new Uint8Array(chunk));
    if (!this.#isAnswered) this.#queue(this.#staged.view);
  }

  /** The peer is gone: a batch that is queued is stored all the same, a partial one never was. */
  abort(): void {
    this.#isAborted = true;
    this.#unstage();
  }

  settle(refusal: Refusal | undefined, first: number, count: number, duplicate: boolean): void {
    const { counters } = this.#engine;
    if (refusal !== undefined) {
      counters.refusedBatchCount++;
      return this.#refuse(refusal);
    }
    counters.write++;
    if (duplicate) counters.duplicateBatchCount++;
    else {
      counters.storedEntryCount += count;
      counters.storedSizeBytes += this.sizeBytes;
    }
    if (this.#isAborted) return;
    this.#response.cork(() => {
      this.#response.writeHeader(contentTypeHeader, jsonType);
      this.#response.end(appendAnswer(first, count, this.synced, duplicate));
    });
  }

  /** Keeps a part of a body until the rest is there: room in the slab is for bodies that are complete. */
  #stage(chunk: Uint8Array): void {
    const { staging } = this.#engine;
    this.#staged ??= new ByteColumn(0);
    const before = this.#staged.bytes.length;
    this.#staged.append(chunk, 0, chunk.length);
    staging.sizeBytes += this.#staged.bytes.length - before;
    if (staging.sizeBytes > staging.sizeBytesMax) this.#overloaded();
  }

  #unstage(): void {
    if (this.#staged === undefined) return;
    this.#engine.staging.sizeBytes -= this.#staged.bytes.length;
    this.#staged = undefined;
  }

  /** The body is complete, in the first bytes of `body`. State may have changed while it came: what holds now decides. */
  #queue(body: DataView): void {
    const engine = this.#engine;
    // Another request may have made the session meanwhile.
    const known = this.session ?? engine.registry.find(this.#head.id);
    const state = known === undefined ? engine.gate.intakeRefusal : stateRefusal(engine, known);
    if (state !== undefined) return this.#refuse(state);
    const shard = known === undefined ? engine.shardOfId(this.#head.id) : engine.shardOf(known);
    this.offset = shard.isFull ? -1 : shard.slab.reserve(this.sizeBytes);
    if (this.offset < 0) return this.#overloaded();
    shard.slab.put(this.offset, body, 0, this.sizeBytes);
    this.#unstage();
    this.session = known ?? createFor(engine, this.#head, this.#response);
    this.receivedMs = engine.clock.nowMs();
    shard.enqueue(this);
  }

  #overloaded(): void {
    this.#engine.counters.overloadedCount++;
    this.#refuse(overloadedRefusal);
  }

  #refuse(refusal: Refusal): void {
    this.#isAnswered = true;
    this.#unstage();
    this.#engine.counters.bad_request++;
    if (!this.#isAborted) this.#response.cork(() => writeAnswer(this.#response, refusalAnswer(refusal)));
  }
}

/** Why a session takes no batch now; undefined: it does. */
export function stateRefusal(engine: Engine, session: Session): Refusal | undefined {
  if (engine.gate.intakeRefusal !== undefined) return engine.gate.intakeRefusal;
  if (session.busy !== undefined) return busyRefusal(session);
  if (session.readOnly !== undefined) return refuse("storage_unavailable", session.readOnly);
  if (!session.isActive)
    return refuse("session_ended", `Session ${session.id} has ended: POST /sessions/${session.id} opens it again.`);
  return undefined;
}

/** Registers the session of `create=true`, and queues its record before the batch. */
function createFor(engine: Engine, head: AppendHead, response: HttpResponse): Session {
  assert(head.create !== undefined, "only who asks for it creates a session");
  if (!isLoopback(response)) delete head.create.pid;
  const session = engine.createSession(head.id, head.create);
  void engine.writeRecord(session);
  return session;
}

function readHead(engine: Engine, bodyLimitBytes: number, request: HttpRequest): AppendHead | Refusal {
  const idText = request.getParameter(0) ?? "";
  let session = engine.registry.find(idText);
  const id = session?.id ?? tryParseSessionId(idText);
  if (id === undefined) return invalidIdRefusal;
  session ??= engine.registry.find(id);
  const query = request.getQuery() ?? "";
  const parameters = query === "" ? undefined : new URLSearchParams(query);
  const isNew = session === undefined && parameters?.get("create") === "true";
  const create = isNew && parameters !== undefined ? parseSessionQuery(parameters) : undefined;
  if (isRefusal(create)) return create;
  if (session === undefined && create === undefined) return sessionNotFound(id);
  const ack = parameters?.get("ack") ?? "written";
  if (ack !== "written" && ack !== "synced") return refuse("invalid_query", `ack=${ack} is not known: use written or synced.`);
  const kind = bodyKindOf(request.getHeader(names.contentType));
  if (kind === undefined) return mediaTypeRefusal;
  const encoding = encodingOf(request.getHeader(names.contentEncoding));
  if (encoding < 0) return encodingRefusal;
  const sizeBytes = contentLength(request);
  if (typeof sizeBytes !== "number") return sizeBytes;
  if (sizeBytes > bodyLimitBytes) {
    return refuse("payload_too_large", `The body is over ${bodyLimitBytes} bytes: send smaller batches.`, {
      limit: bodyLimitBytes,
    });
  }
  const key = request.getHeader(names.idempotencyKey);
  if (key !== "" && !isGoodKey(key)) return keyRefusal;
  const state = session === undefined ? engine.gate.intakeRefusal : stateRefusal(engine, session);
  if (state !== undefined) return state;
  return { session, bodyKind: kind, encoding, sizeBytes, key: key === "" ? "" : key, synced: ack === "synced", create, id };
}

/** A request that has a Transfer-Encoding too is refused by the library, with 400 (RFC 9112, 6.1). */
function contentLength(request: HttpRequest): number | Refusal {
  const text = request.getHeader(names.contentLength);
  return text === "" ? lengthRefusal : Number(text);
}

/** Returns whether `key` is `<producer>:<sequence>` and the sequence fits 63 bits. */
export function isGoodKey(key: string): boolean {
  return keyPattern.test(key) && BigInt(key.slice(key.indexOf(":") + 1)) < 1n << 63n;
}

function encodingOf(text: string): number {
  if (text === "") return bodyEncoding.identity;
  switch (text.toLowerCase()) {
    case "identity":
      return bodyEncoding.identity;
    case "gzip":
    case "x-gzip":
      return bodyEncoding.gzip;
    case "lz4":
      return bodyEncoding.lz4;
    default:
      return -1;
  }
}

/** Refusals that routes share. */
export const invalidIdRefusal = refuse("invalid_session_id", "A session id is 24 hex digits, not all zero.");

/** Says that there is no such session. */
export function sessionNotFound(id: string): Refusal {
  return refuse("session_not_found", `Session ${id} is not known: POST /sessions/${id} makes it.`);
}

const mediaTypeRefusal = refuse(
  "unsupported_media_type",
  "Content-Type must be application/json, application/x-ndjson, text/plain or application/x-flatbuffers.",
);
const encodingRefusal = refuse("unsupported_media_type", "Content-Encoding must be identity, gzip or lz4.");
const lengthRefusal = refuse("length_required", "Send the body with a Content-Length, not with Transfer-Encoding.");
const keyRefusal = refuse(
  "invalid_query",
  "Idempotency-Key must be <producer>:<sequence>: up to 64 of A-Z a-z 0-9 . _ - and a decimal integer.",
);
