/** Appends that come over a WebSocket, as JSON or as binary frames: found in their message, put in the slab, queued. */
import { assert } from "../base/assert.ts";
import { type SessionId, tryParseSessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import { bodyEncoding, itemKind } from "../handoff/job.ts";
import { appendAck } from "../wire/append-answer.hot.ts";
import { AppendMessage, appendMember, plainNumber } from "../wire/append-message.hot.ts";
import { AppendPattern } from "../wire/append-pattern.hot.ts";
import { bodyKind } from "../wire/body-kind.ts";
import { readAppendFrame } from "../wire/delta.ts";
import { type Refusal, refusalMembers, refuse } from "../wire/outcome.ts";
import { type Engine, overloadedRefusal } from "./engine.ts";
import { invalidIdRefusal, isGoodKey, sessionNotFound, stateRefusal } from "./intake.ts";
import { isRefusal } from "./query-input.ts";
import type { Session } from "./session.ts";
import type { Batch, Shard } from "./shard.ts";
import { isWhole, type SocketOut } from "./socket-out.ts";

/** What a message says of its append. */
interface AppendMembers {
  readonly ref: number;
  readonly session: Session;
  readonly key: string;
  readonly synced: boolean;
}

/** Of the message at hand: messages are handled one after the other. */
const appendMessage = new AppendMessage();
const { starts, ends } = appendMessage;
const openBracket = 0x5b;
/** Small messages are looked at in here: a DataView of the memory of each would cost more than this copy. */
const scratch = new Uint8Array(1024);
const scratchView = new DataView(scratch.buffer);
/** Scalars of an append are short. */
const memberSizeBytesMax = 256;
/** An id as it stands in a message: 24 digits between quotes. */
const idTextSizeBytes = 24;

export class SocketAppends {
  readonly #engine: Engine;
  readonly #out: SocketOut;
  readonly #bodyLimitBytes: number;
  readonly #onSession: (session: Session) => void;
  /** Appends without an answer yet. */
  #count = 0;
  /** Appends whose answers wait for the end of the job that is being settled. */
  #settled: SocketBatch[] = [];
  readonly #pattern = new AppendPattern();
  /** The id that was named last, and how it was spelled: a socket's appends mostly go to one session. */
  readonly #idWords = new Int32Array(idTextSizeBytes / 4);
  #id: SessionId | undefined;

  /** @param onSession told of each session that the socket appends to. */
  constructor(engine: Engine, out: SocketOut, bodyLimitBytes: number, onSession: (session: Session) => void) {
    this.#engine = engine;
    this.#out = out;
    this.#bodyLimitBytes = bodyLimitBytes;
    this.#onSession = onSession;
  }

  /**
   * Takes a text message if it is an append; false: it is something else.
   * @param received the library's memory: gone when this returns.
   */
  tryTake(received: ArrayBuffer, size: number): boolean {
    const message = viewOf(received, size);
    if (!this.#pattern.find(message, size, appendMessage)) {
      if (!appendMessage.read(message, size)) return false;
      if (!appendMessage.isAppend(message) && scalarOf(message, appendMember.type) !== "append") return false;
      this.#pattern.learn(message, appendMessage);
    }
    const ref = this.#refOf(message);
    const batch = isWhole(ref) ? this.#batchOf(message, ref) : refuse("invalid_query", "ref must be a whole number.");
    if (isRefusal(batch)) this.#out.refuse(batch, { ref });
    else this.#queue(message, starts[appendMember.entries] as number, batch);
    return true;
  }

  /** Takes a binary message; false: it is no append. */
  tryTakeFrame(message: DataView): boolean {
    const frame = readAppendFrame(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
    if (frame === undefined) return false;
    const { ref, key, synced, payloadStart: start, payloadEnd: end } = frame;
    if (!isWhole(ref)) {
      this.#out.refuse(refuse("invalid_query", "ref must be below 2^53."), {});
      return true;
    }
    const session = findSession(this.#engine, frame.session);
    if (isRefusal(session)) this.#out.refuse(session, { ref });
    else this.#queue(message, start, this.#newBatch({ ref, session, key, synced }, bodyKind.flatbuffers, end - start));
    return true;
  }

  /** A batch has its outcome. A job settles its batches in one go: their answers leave in one write. */
  settled(batch: SocketBatch): void {
    this.#count--;
    this.#settled.push(batch);
    if (this.#settled.length === 1) queueMicrotask(() => this.#sendAnswers());
  }

  #sendAnswers(): void {
    const batches = this.#settled;
    this.#settled = [];
    this.#out.together(() => {
      for (const batch of batches) this.#out.answer(batch.answer());
    });
  }

  /** @param start of the batch in the message. */
  #queue(message: DataView, start: number, batch: SocketBatch): void {
    const { ref, session, sizeBytes } = batch;
    const shard = this.#engine.shardOf(session);
    const refusal = this.#refusalOf(batch, shard);
    if (refusal !== undefined) return this.#out.refuse(refusal, { ref });
    batch.offset = shard.slab.reserve(sizeBytes);
    if (batch.offset < 0) return this.#out.refuse(overloadedRefusal, { ref });
    shard.slab.put(batch.offset, message, start, start + sizeBytes);
    this.#onSession(session);
    this.#count++;
    shard.enqueue(batch);
  }

  #refusalOf({ session, key, sizeBytes }: SocketBatch, shard: Shard): Refusal | undefined {
    if (key !== "" && !isGoodKey(key)) return refuse("invalid_query", "key must be <producer>:<sequence>.");
    if (sizeBytes > this.#bodyLimitBytes) {
      const limit = this.#bodyLimitBytes;
      return refuse("payload_too_large", `The entries are over ${limit} bytes: send smaller batches.`, { limit });
    }
    const state = stateRefusal(this.#engine, session);
    if (state !== undefined) return state;
    return this.#count >= limits.socketCreditCount || shard.isFull ? overloadedRefusal : undefined;
  }

  #refOf(message: DataView): unknown {
    const start = starts[appendMember.ref] as number;
    const plain = start < 0 ? -1 : plainNumber(message, start, ends[appendMember.ref] as number);
    return plain >= 0 ? plain : scalarOf(message, appendMember.ref);
  }

  /** `message` was looked at by `appendMessage`. */
  #batchOf(message: DataView, ref: number): SocketBatch | Refusal {
    const session = this.#sessionOf(message);
    if (isRefusal(session)) return session;
    const start = starts[appendMember.entries] as number;
    const end = ends[appendMember.entries] as number;
    if (start < 0 || message.getUint8(start) !== openBracket) return refuse("invalid_batch", "entries must be an array.");
    const ack = scalarOf(message, appendMember.ack) ?? "written";
    if (ack !== "written" && ack !== "synced") return refuse("invalid_query", "ack must be written or synced.");
    const key = scalarOf(message, appendMember.key) ?? "";
    if (typeof key !== "string") return refuse("invalid_query", "key must be <producer>:<sequence>.");
    return this.#newBatch({ ref, session, key, synced: ack === "synced" }, bodyKind.json, end - start);
  }

  #newBatch(members: AppendMembers, kind: number, sizeBytes: number): SocketBatch {
    return new SocketBatch(this.#engine, this, members, kind, sizeBytes);
  }

  #sessionOf(message: DataView): Session | Refusal {
    const start = (starts[appendMember.session] as number) + 1;
    const isId = start > 0 && (ends[appendMember.session] as number) - start === idTextSizeBytes + 1;
    if (isId && this.#id !== undefined && this.#isSameId(message, start)) {
      return this.#engine.registry.find(this.#id) ?? sessionNotFound(this.#id);
    }
    const session = findSession(this.#engine, scalarOf(message, appendMember.session));
    if (isId && !isRefusal(session)) {
      this.#id = session.id;
      for (let word = 0; word < this.#idWords.length; word++) this.#idWords[word] = message.getInt32(start + word * 4, true);
    }
    return session;
  }

  #isSameId(message: DataView, start: number): boolean {
    const words = this.#idWords;
    for (let word = 0; word < words.length; word++) if (message.getInt32(start + word * 4, true) !== words[word]) return false;
    return true;
  }
}

function viewOf(message: ArrayBuffer, size: number): DataView {
  if (size > scratch.length) return new DataView(message);
  scratch.set(new Uint8Array(message));
  return scratchView;
}

/** Returns the session that a message names, or why there is none. */
export function findSession(engine: Engine, text: unknown): Session | Refusal {
  const id = typeof text === "string" ? tryParseSessionId(text) : undefined;
  if (id === undefined) return invalidIdRefusal;
  return engine.registry.find(id) ?? sessionNotFound(id);
}

/** Returns a scalar member of the append, undefined when it is absent, NaN when it is no JSON or longer than any good one. */
function scalarOf(message: DataView, member: number): unknown {
  const start = starts[member] as number;
  const end = ends[member] as number;
  if (start < 0) return undefined;
  if (end - start > memberSizeBytesMax) return Number.NaN;
  try {
    return JSON.parse(Buffer.from(message.buffer, message.byteOffset + start, end - start).toString("utf8"));
  } catch {
    return Number.NaN;
  }
}

class SocketBatch implements Batch {
  readonly kind = itemKind.append;
  readonly session: Session;
  /** Body in the slab; -1: not there yet. */
  offset = -1;
  readonly sizeBytes: number;
  readonly bodyKind: number;
  readonly encoding = bodyEncoding.identity;
  readonly receivedMs: number;
  readonly key: string;
  readonly document = undefined;
  readonly synced: boolean;
  readonly ref: number;
  readonly #engine: Engine;
  readonly #appends: SocketAppends;
  #refusal: Refusal | undefined;
  #first = 0;
  #count = 0;
  #isDuplicate = false;

  /** @param appends told when there is an outcome. */
  constructor(engine: Engine, appends: SocketAppends, members: AppendMembers, kind: number, sizeBytes: number) {
    assert(sizeBytes >= 0, "a body has a size");
    this.session = members.session;
    this.sizeBytes = sizeBytes;
    this.bodyKind = kind;
    this.key = members.key;
    this.synced = members.synced;
    this.receivedMs = engine.clock.nowMs();
    this.ref = members.ref;
    this.#engine = engine;
    this.#appends = appends;
  }

  settle(refusal: Refusal | undefined, first: number, count: number, duplicate: boolean): void {
    const { counters } = this.#engine;
    this.#refusal = refusal;
    this.#first = first;
    this.#count = count;
    this.#isDuplicate = duplicate;
    this.#appends.settled(this);
    if (refusal !== undefined) {
      counters.refusedBatchCount++;
      return;
    }
    counters.write++;
    if (duplicate) {
      counters.duplicateBatchCount++;
      return;
    }
    counters.storedEntryCount += count;
    counters.storedSizeBytes += this.sizeBytes;
  }

  /** Returns the message for the client, once settled; bytes are valid until the next answer is made. */
  answer(): string | Uint8Array {
    const refusal = this.#refusal;
    if (refusal !== undefined) return JSON.stringify({ type: "error", ref: this.ref, ...refusalMembers(refusal) });
    return appendAck(this.ref, this.#first, this.#count, this.synced, this.#isDuplicate);
  }
}
