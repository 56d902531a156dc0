/** `/sessions/ws`: one WebSocket with its subscriptions, its feed and its appends (contract 6). */
import type { WebSocket } from "uWebSockets.js";
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import { tryParseSessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import { bodyEncoding, itemKind } from "../handoff/job.ts";
import type { ClientMessage, ServerMessage } from "../wire/api.ts";
import { AppendMessage, appendMember } from "../wire/append-message.hot.ts";
import { bodyKind } from "../wire/body-kind.ts";
import { binaryLogFrame, type Delta, deltaForm, jsonLogFrame, readAppendFrame } from "../wire/delta.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { type Engine, overloadedRefusal } from "./engine.ts";
import { appendAnswer, invalidIdRefusal, isGoodKey, sessionNotFound, stateRefusal } from "./intake.ts";
import type { Follower, FollowSink, Live } from "./live.ts";
import { isRefusal } from "./query-input.ts";
import { parseFilter } from "./read-input.ts";
import type { Session } from "./session.ts";
import type { SessionsFeed } from "./sessions-feed.ts";
import type { Batch } from "./shard.ts";

export interface SocketData {
  readonly isBinary: boolean;
  readonly isLocal: boolean;
  connection: SocketConnection | undefined;
}

/** What a connection works with. */
export interface SocketContext {
  readonly engine: Engine;
  readonly live: Live;
  readonly feed: SessionsFeed;
}

/** Of the message at hand: messages are handled one after the other. */
const appendMessage = new AppendMessage();
const openBracket = 0x5b;
/** Scalars of an append are short. */
const memberSizeBytesMax = 256;

export class SocketConnection {
  readonly #socket: WebSocket<SocketData>;
  readonly #context: SocketContext;
  readonly #isBinary: boolean;
  readonly #followers = new Map<number, Follower>();
  readonly #feeds = new Map<number, () => void>();
  /** Sessions this socket appends to or beats for: it keeps them from being idle. */
  readonly #sessions = new Set<Session>();
  #appendCount = 0;
  #isClosed = false;

  constructor(socket: WebSocket<SocketData>, context: SocketContext) {
    this.#socket = socket;
    this.#context = context;
    this.#isBinary = socket.getUserData().isBinary;
    this.#send({ type: "hello", protocol: 1, self_id: context.engine.selfId, credits: limits.socketCreditCount });
  }

  /** Handles one message. @param message the library's memory: gone when this returns. */
  receive(message: ArrayBuffer, isBinary: boolean): void {
    this.#context.engine.counters.request++;
    const bytes = new Uint8Array(message);
    if (isBinary) return this.#receiveBinary(bytes);
    if (appendMessage.read(bytes) && this.#isAppend(bytes)) return this.#append(bytes);
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(message).toString("utf8"));
    } catch (error) {
      return this.#error(refuse("invalid_json", `The message is not JSON: ${(error as Error).message}.`), {});
    }
    if (typeof value !== "object" || value === null)
      return this.#error(refuse("invalid_batch", "A message is a JSON object."), {});
    this.#dispatch(value as ClientMessage);
  }

  /** The socket has room again. */
  drained(): void {
    this.#context.engine.counters.drainCount++;
    if (this.#room() > 0) for (const follower of this.#followers.values()) follower.onRoom();
  }

  closed(): void {
    this.#isClosed = true;
    for (const follower of this.#followers.values()) this.#context.live.unfollow(follower);
    for (const close of this.#feeds.values()) close();
    for (const session of this.#sessions) session.socketCount--;
  }

  /** Ends the socket with a code and a reason. */
  close(code: number, reason: string): void {
    if (!this.#isClosed) this.#socket.end(code, reason);
  }

  #dispatch(message: ClientMessage): void {
    switch (message.type) {
      case "subscribe":
        return this.#subscribe(message);
      case "unsubscribe":
        return this.#unsubscribe(message.id);
      case "sessions":
        return this.#openFeed(message.id, message.status ?? "active");
      case "append":
        // Its brackets do not match, or it would have been taken before.
        return this.#error(refuse("invalid_json", "The append is not a flat JSON object."), message);
      case "heartbeat":
        return this.#heartbeat(message.session);
      default: {
        const { type } = message as { type?: unknown };
        const shown = typeof type === "string" ? JSON.stringify(type.slice(0, 64)) : "of another kind than text";
        return this.#error(refuse("invalid_batch", `Message type ${shown} is not known.`), message);
      }
    }
  }

  #subscribe(message: Extract<ClientMessage, { type: "subscribe" }>): void {
    const { id, policy = "lossless" } = message;
    const session = this.#sessionOf(message.session);
    const refusal = isRefusal(session) ? session : this.#subscribeRefusal(message);
    if (refusal !== undefined) return this.#error(refusal, { id });
    const filter = parseFilter((name) => (message as unknown as Record<string, unknown>)[name]);
    if (isRefusal(filter)) return this.#error(filter, { id });
    const target = session as Session;
    // A cursor behind the head is a client's mistake that heals itself: it waits for what comes after.
    const cursor = message.cursor ?? Math.max(target.first - 1, target.head - (message.tail ?? 0));
    this.#send({ type: "subscribed", id, session: target.id, cursor, head: target.head, first: target.first });
    const sink = this.#sinkOf(id);
    this.#followers.set(id, this.#context.live.follow(target, cursor, filter, policy, sink));
  }

  #subscribeRefusal(message: Extract<ClientMessage, { type: "subscribe" }>): Refusal | undefined {
    const { id, cursor, tail, policy } = message;
    if (!isWhole(id)) return refuse("invalid_query", "id must be a whole number.");
    if (this.#followers.has(id) || this.#feeds.has(id))
      return refuse("invalid_query", `Subscription ${id} exists: unsubscribe it first.`);
    if (cursor !== undefined && !isWhole(cursor)) return refuse("invalid_query", "cursor must be a whole number.");
    if (tail !== undefined && !isWhole(tail)) return refuse("invalid_query", "tail must be a whole number.");
    if (policy !== undefined && policy !== "lossless" && policy !== "latest")
      return refuse("invalid_query", "policy must be lossless or latest.");
    if (this.#followers.size >= limits.subscriptionCountMax)
      return refuse("overloaded", `A socket has at most ${limits.subscriptionCountMax} subscriptions.`);
    return undefined;
  }

  #unsubscribe(id: number): void {
    const follower = this.#followers.get(id);
    if (follower !== undefined) this.#context.live.unfollow(follower);
    this.#followers.delete(id);
    this.#feeds.get(id)?.();
    this.#feeds.delete(id);
  }

  #openFeed(id: number, status: unknown): void {
    if (!isWhole(id) || this.#feeds.has(id) || this.#followers.has(id))
      return this.#error(refuse("invalid_query", "id must be a whole number that is not in use."), { id });
    if (status !== "active" && status !== "ended" && status !== "all")
      return this.#error(refuse("invalid_query", "status must be active, ended or all."), { id });
    if (this.#feeds.size >= limits.subscriptionCountMax)
      return this.#error(refuse("overloaded", "Too many feeds on one socket."), { id });
    const { engine, feed } = this.#context;
    const close = feed.open({
      status,
      hasRoom: () => this.#room() > 0,
      snapshot: (sessions) =>
        this.#send({ type: "sessions", id, sessions: sessions.map((session) => session.toObject()), self_id: engine.selfId }),
      changed: (session) => this.#send({ type: "session", id, session: session.toObject() }),
      removed: (session) => this.#send({ type: "session_removed", id, session: session.id }),
    });
    this.#feeds.set(id, close);
  }

  #heartbeat(sessionId: unknown): void {
    const session = this.#sessionOf(sessionId);
    if (isRefusal(session)) return this.#error(session, {});
    this.#belong(session);
    if (session.isActive) this.#context.engine.touch(session);
  }

  #isAppend(bytes: Uint8Array): boolean {
    return this.#member(bytes, appendMember.type) === "append";
  }

  /** `bytes` was looked at by `appendMessage`. */
  #append(bytes: Uint8Array): void {
    const ref = this.#member(bytes, appendMember.ref);
    const start = appendMessage.starts[appendMember.entries] as number;
    const end = appendMessage.ends[appendMember.entries] as number;
    const key = this.#member(bytes, appendMember.key) ?? "";
    const ack = this.#member(bytes, appendMember.ack) ?? "written";
    const session = this.#member(bytes, appendMember.session);
    if (!isWhole(ref)) return this.#error(refuse("invalid_query", "ref must be a whole number."), {});
    if (start < 0 || bytes[start] !== openBracket)
      return this.#error(refuse("invalid_batch", "entries must be an array."), { ref });
    if (ack !== "written" && ack !== "synced")
      return this.#error(refuse("invalid_query", "ack must be written or synced."), { ref });
    if (typeof key !== "string") return this.#error(refuse("invalid_query", "key must be <producer>:<sequence>."), { ref });
    const body = bytes.subarray(start, end);
    this.#queue({ ref, session, key, synced: ack === "synced", body, kind: bodyKind.json });
  }

  /** Returns a scalar member of the append, undefined when it is absent, NaN when it is no JSON or longer than any good one. */
  #member(bytes: Uint8Array, member: number): unknown {
    const start = appendMessage.starts[member] as number;
    const end = appendMessage.ends[member] as number;
    if (start < 0) return undefined;
    if (end - start > memberSizeBytesMax) return Number.NaN;
    try {
      return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1"));
    } catch {
      return Number.NaN;
    }
  }

  #receiveBinary(bytes: Uint8Array): void {
    if (!this.#isBinary) return this.close(1003, "binary messages need the subprotocol tailrace.flatbuffers.v1");
    const frame = readAppendFrame(bytes);
    if (frame === undefined) return this.close(1003, "not an append frame");
    const { ref, session, key, payloadStart, payloadEnd, synced } = frame;
    this.#queue({ ref, session, key, synced, body: bytes.subarray(payloadStart, payloadEnd), kind: bodyKind.flatbuffers });
  }

  #queue(append: { ref: number; session: unknown; key: string; synced: boolean; body: AnyBytes; kind: number }): void {
    const { engine } = this.#context;
    const { ref, body } = append;
    const session = this.#sessionOf(append.session);
    if (isRefusal(session)) return this.#error(session, { ref });
    if (!isWhole(ref)) return this.#error(refuse("invalid_query", "ref must be a whole number."), {});
    if (append.key !== "" && !isGoodKey(append.key))
      return this.#error(refuse("invalid_query", "key must be <producer>:<sequence>."), { ref });
    const shard = engine.shardOf(session);
    const isOverCredit = this.#appendCount >= limits.socketCreditCount;
    const refusal = stateRefusal(engine, session) ?? (isOverCredit || shard.isFull ? overloadedRefusal : undefined);
    const offset = refusal === undefined ? shard.slab.reserve(body.length) : -1;
    if (offset < 0) return this.#error(refusal ?? overloadedRefusal, { ref });
    shard.slab.bytes.set(body, offset);
    this.#belong(session);
    this.#appendCount++;
    shard.enqueue(
      new SocketBatch(this.#context.engine, session, { ...append, offset }, (text) => {
        this.#appendCount--;
        this.#sendText(text);
      }),
    );
  }

  #belong(session: Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.socketCount++;
  }

  #sessionOf(text: unknown): Session | Refusal {
    const id = typeof text === "string" ? tryParseSessionId(text) : undefined;
    if (id === undefined) return invalidIdRefusal;
    return this.#context.engine.registry.find(id) ?? sessionNotFound(id);
  }

  #room(): number {
    return this.#isClosed ? 0 : limits.socketSendBudgetBytes - this.#socket.getBufferedAmount();
  }

  #sinkOf(id: number): FollowSink {
    const form = this.#isBinary ? deltaForm.binary : deltaForm.json;
    return {
      form,
      room: () => this.#room(),
      delta: (delta, head) => this.#sendDelta(id, delta, head),
      gap: (from, to, reason) => this.#send({ type: "gap", id, from, to, reason }),
      ended: (cursor, reason) => {
        this.#followers.delete(id);
        this.#send({ type: "ended", id, cursor, reason });
      },
      heartbeat: (head, cursor) => {
        const follower = this.#followers.get(id);
        // A filter that lets nothing through must not pin a resuming client to an old cursor.
        if (follower !== undefined && follower.told < cursor) {
          follower.told = cursor;
          this.#send({ type: "log", id, cursor, head, entries: [] });
        }
        this.#send({ type: "heartbeat", id, head });
      },
    };
  }

  #sendDelta(id: number, delta: Delta, head: number): void {
    if (this.#isClosed) return;
    if (this.#isBinary) this.#socket.send(binaryLogFrame(id, delta, head), true);
    else this.#socket.send(jsonLogFrame(id, delta, head), false);
  }

  #error(refusal: Refusal, about: { ref?: unknown; id?: unknown }): void {
    this.#context.engine.counters.bad_request++;
    const ref = isWhole(about.ref) ? { ref: about.ref } : {};
    const id = isWhole(about.id) ? { id: about.id } : {};
    this.#send({ type: "error", ...ref, ...id, code: refusal.code, message: refusal.message });
  }

  #send(message: ServerMessage): void {
    this.#sendText(JSON.stringify(message));
  }

  #sendText(text: string): void {
    if (!this.#isClosed) this.#socket.send(text, false);
  }
}

/** An append that came over a socket. */
class SocketBatch implements Batch {
  readonly kind = itemKind.append;
  readonly session: Session;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly bodyKind: number;
  readonly encoding = bodyEncoding.identity;
  readonly receivedMs: number;
  readonly key: string;
  readonly document = undefined;
  readonly synced: boolean;
  readonly #ref: number;
  readonly #engine: Engine;
  readonly #answer: (text: string) => void;

  constructor(
    engine: Engine,
    session: Session,
    append: { ref: number; offset: number; body: AnyBytes; kind: number; key: string; synced: boolean },
    answer: (text: string) => void,
  ) {
    assert(append.offset >= 0, "the body lies in the slab");
    this.session = session;
    this.offset = append.offset;
    this.sizeBytes = append.body.length;
    this.bodyKind = append.kind;
    this.key = append.key;
    this.synced = append.synced;
    this.receivedMs = engine.clock.nowMs();
    this.#ref = append.ref;
    this.#engine = engine;
    this.#answer = answer;
  }

  settle(refusal: Refusal | undefined, first: number, count: number, duplicate: boolean): void {
    const { counters } = this.#engine;
    if (refusal !== undefined) {
      counters.refusedBatchCount++;
      const error = { type: "error", ref: this.#ref, code: refusal.code, message: refusal.message, ...refusal.details };
      return this.#answer(JSON.stringify(error));
    }
    counters.write++;
    if (duplicate) counters.duplicateBatchCount++;
    else {
      counters.storedEntryCount += count;
      counters.storedSizeBytes += this.sizeBytes;
    }
    this.#answer(`{"type":"ack","ref":${this.#ref},${appendAnswer(first, count, this.synced, duplicate).slice(1)}`);
  }
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
