/** `/sessions/ws`: one WebSocket with its subscriptions, its feeds and its appends (contract 6). */
import type { WebSocket } from "uWebSockets.js";
import { textOf } from "../base/bytes.ts";
import { limits } from "../config.ts";
import type { ClientMessage } from "../wire/api.ts";
import { parseJson } from "../wire/control-json.ts";
import { type Delta, type DeltaForm, deltaForm } from "../wire/delta.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Connection } from "./connections.ts";
import type { Engine } from "./engine.ts";
import type { Follower, FollowSink, GapReason } from "./follower.ts";
import type { Live } from "./live.ts";
import { isRefusal } from "./query-input.ts";
import { parseFilter } from "./read-input.ts";
import type { Session } from "./session.ts";
import type { FeedSink, SessionsFeed } from "./sessions-feed.ts";
import { findSession, SocketAppends } from "./socket-append.ts";
import { isWhole, type SocketData, SocketOut } from "./socket-out.ts";

/** What a connection works with. */
export interface SocketContext {
  readonly engine: Engine;
  readonly live: Live;
  readonly feed: SessionsFeed;
}

type Subscribe = Extract<ClientMessage, { type: "subscribe" }>;

export class SocketConnection implements Connection {
  readonly kind = "socket";
  readonly #context: SocketContext;
  readonly #bodyLimitBytes: number;
  readonly #out: SocketOut;
  readonly #appends: SocketAppends;
  /** Who was served last comes last: when there is room again, the others are first. */
  readonly #subscriptions = new Map<number, Subscription>();
  /** Files are read for one subscription at a time. */
  #isReading = false;
  readonly #feeds = new Map<number, () => void>();
  /** Sessions this socket appends to or beats for: it keeps them from being idle. */
  readonly #sessions = new Set<Session>();

  constructor(socket: WebSocket<SocketData>, context: SocketContext, bodyLimitBytes: number) {
    const { engine } = context;
    this.#context = context;
    this.#bodyLimitBytes = bodyLimitBytes;
    this.#out = new SocketOut(socket, engine);
    this.#appends = new SocketAppends(engine, this.#out, bodyLimitBytes, (session) => this.#belong(session));
    this.#out.tell({ type: "hello", protocol: 1, self_id: engine.selfId, credits: limits.socketCreditCount });
  }

  get queuedSizeBytes(): number {
    return this.#out.queuedSizeBytes;
  }

  /** Handles one message. @param message the library's memory: gone when this returns. */
  receive(message: ArrayBuffer, isBinary: boolean): void {
    this.#context.engine.counters.request++;
    const size = message.byteLength;
    if (size > this.#bodyLimitBytes + limits.socketEnvelopeSizeBytes)
      return this.#out.close(1009, `a message has at most ${this.#bodyLimitBytes} bytes of entries`);
    if (isBinary) return this.#receiveBinary(new DataView(message));
    if (this.#appends.tryTake(message, size)) return;
    if (size > limits.controlBodySizeBytesMax) {
      const limit = limits.controlBodySizeBytesMax;
      return this.#out.refuse(
        refuse("payload_too_large", `A message without entries has at most ${limit} bytes.`, { limit }),
        {},
      );
    }
    const read = parseJson(textOf(new Uint8Array(message)), "The message");
    if (isRefusal(read)) return this.#out.refuse(read, {});
    const { value } = read;
    if (typeof value === "object" && value !== null) this.#dispatch(value as ClientMessage);
    else this.#out.refuse(refuse("invalid_batch", "A message is a JSON object."), {});
  }

  /** The socket has room again. */
  drained(): void {
    this.#out.drained();
    if (this.#wakeWaiting()) this.#context.engine.counters.drainCount++;
  }

  /** The library's socket is gone. */
  closed(): void {
    this.#out.markClosed();
    for (const { follower } of this.#subscriptions.values()) if (follower !== undefined) this.#context.live.unfollow(follower);
    for (const close of this.#feeds.values()) close();
    for (const session of this.#sessions) session.socketCount--;
  }

  beat(): void {
    if (this.#out.room() <= 0) return;
    this.#out.together(() => {
      this.#out.ping();
      for (const subscription of this.#subscriptions.values()) if (this.#out.room() > 0) subscription.beat();
    });
  }

  tellCursors(): void {
    this.#out.together(() => {
      for (const subscription of this.#subscriptions.values()) if (this.#out.room() > 0) subscription.tellCursor();
    });
  }

  end(): void {
    this.close(1001, "server stopping");
  }

  close(code: number, reason: string): void {
    this.#out.close(code, reason);
  }

  beginRead(): boolean {
    if (this.#isReading) return false;
    this.#isReading = true;
    return true;
  }

  endRead(): void {
    this.#isReading = false;
    this.#wakeWaiting();
  }

  /** A subscription was sent something. */
  served(id: number, subscription: Subscription): void {
    if (this.#subscriptions.delete(id)) this.#subscriptions.set(id, subscription);
  }

  ended(id: number): void {
    this.#subscriptions.delete(id);
  }

  /** Returns whether somebody waited. */
  #wakeWaiting(): boolean {
    if (this.#out.room() <= 0) return false;
    let isFreed = false;
    for (const { follower } of this.#subscriptions.values()) if (follower?.onRoom() === true) isFreed = true;
    return isFreed;
  }

  #receiveBinary(message: DataView): void {
    if (!this.#out.isBinary) this.close(1003, "binary messages need the subprotocol tailrace.flatbuffers.v1");
    else if (!this.#appends.tryTakeFrame(message)) this.close(1003, "not an append frame");
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
        // Or it would have been taken before.
        return this.#out.refuse(refuse("invalid_batch", "The append's own members must be written without escapes."), message);
      case "heartbeat":
        return this.#heartbeat(message.session);
      default: {
        const { type } = message as { type?: unknown };
        const shown = typeof type === "string" ? JSON.stringify(type.slice(0, 64)) : "of another kind than text";
        return this.#out.refuse(refuse("invalid_batch", `Message type ${shown} is not known.`), message);
      }
    }
  }

  #subscribe(message: Subscribe): void {
    const { id, policy = "lossless" } = message;
    const session = findSession(this.#context.engine, message.session);
    const refusal = isRefusal(session) ? session : this.#subscribeRefusal(message);
    if (refusal !== undefined) return this.#out.refuse(refusal, { id });
    const filter = parseFilter((name) => (message as unknown as Record<string, unknown>)[name]);
    if (isRefusal(filter)) return this.#out.refuse(filter, { id });
    const { head, first, id: sessionId } = session as Session;
    // A cursor beyond the head is a client's mistake that heals itself: it waits for what comes after.
    const cursor = message.cursor ?? Math.max(first - 1, head - (message.tail ?? 0));
    this.#out.answer(JSON.stringify({ type: "subscribed", id, session: sessionId, cursor, head, first }));
    if (this.#out.isClosed) return;
    const subscription = new Subscription(id, this.#out, this);
    this.#subscriptions.set(id, subscription);
    subscription.follower = this.#context.live.follow({ session: session as Session, cursor, filter, policy }, subscription);
  }

  #subscribeRefusal({ id, cursor, tail, policy }: Subscribe): Refusal | undefined {
    if (!isWhole(id)) return refuse("invalid_query", "id must be a whole number.");
    if (this.#subscriptions.has(id) || this.#feeds.has(id))
      return refuse("invalid_query", `Subscription ${id} exists: unsubscribe it first.`);
    if (cursor !== undefined && !isWhole(cursor)) return refuse("invalid_query", "cursor must be a whole number.");
    if (tail !== undefined && !isWhole(tail)) return refuse("invalid_query", "tail must be a whole number.");
    if (policy !== undefined && policy !== "lossless" && policy !== "latest")
      return refuse("invalid_query", "policy must be lossless or latest.");
    if (this.#subscriptions.size >= limits.subscriptionCountMax)
      return refuse("overloaded", `A socket has at most ${limits.subscriptionCountMax} subscriptions.`);
    return this.#context.live.isFull ? refuse("overloaded", "The server has as many subscriptions as it takes.") : undefined;
  }

  /** A number that is not in use is none that went wrong: its session may have ended meanwhile. */
  #unsubscribe(id: number): void {
    if (!isWhole(id)) return this.#out.refuse(refuse("invalid_query", "id must be a whole number."), {});
    const follower = this.#subscriptions.get(id)?.follower;
    if (follower !== undefined) this.#context.live.unfollow(follower);
    this.#subscriptions.delete(id);
    this.#feeds.get(id)?.();
    this.#feeds.delete(id);
  }

  #openFeed(id: number, status: unknown): void {
    const { engine, feed } = this.#context;
    if (!isWhole(id) || this.#feeds.has(id) || this.#subscriptions.has(id))
      return this.#out.refuse(refuse("invalid_query", "id must be a whole number that is not in use."), { id });
    if (status !== "active" && status !== "ended" && status !== "all")
      return this.#out.refuse(refuse("invalid_query", "status must be active, ended or all."), { id });
    if (this.#feeds.size >= limits.socketFeedCountMax || feed.isFull)
      return this.#out.refuse(refuse("overloaded", "There are as many feeds as the server takes."), { id });
    this.#feeds.set(id, feed.open(feedSink(id, status, this.#out, engine.selfId)));
  }

  #heartbeat(sessionId: unknown): void {
    const session = findSession(this.#context.engine, sessionId);
    if (isRefusal(session)) return this.#out.refuse(session, {});
    this.#belong(session);
    if (session.isActive) this.#context.engine.touch(session);
  }

  #belong(session: Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.socketCount++;
  }
}

/** A subscription of one socket. */
class Subscription implements FollowSink {
  readonly form: DeltaForm;
  readonly #id: number;
  readonly #out: SocketOut;
  readonly #connection: SocketConnection;
  follower: Follower | undefined;

  constructor(id: number, out: SocketOut, connection: SocketConnection) {
    this.#id = id;
    this.#out = out;
    this.#connection = connection;
    this.form = out.isBinary ? deltaForm.binary : deltaForm.json;
  }

  room(): number {
    return this.#out.room();
  }

  beginRead(): boolean {
    return this.#connection.beginRead();
  }

  endRead(): void {
    this.#connection.endRead();
  }

  delta(delta: Delta, head: number): void {
    this.#connection.served(this.#id, this);
    this.#out.tellDelta(this.#id, delta, head);
  }

  gap(from: number, to: number, reason: GapReason): void {
    this.#out.tell({ type: "gap", id: this.#id, from, to, reason });
  }

  ended(cursor: number, reason: string): void {
    this.#connection.ended(this.#id);
    this.#out.tell({ type: "ended", id: this.#id, cursor, reason });
  }

  /** A filter that lets nothing through must not pin a resuming client to an old cursor. */
  tellCursor(): void {
    const { follower } = this;
    if (follower === undefined || follower.told >= follower.cursor) return;
    const { told, cursor, session } = follower;
    follower.told = cursor;
    this.#out.tellCursor(this.#id, told, cursor, session.head);
  }

  beat(): void {
    if (this.follower === undefined) return;
    this.tellCursor();
    this.#out.tell({ type: "heartbeat", id: this.#id, head: this.follower.session.head });
  }
}

function feedSink(id: number, status: FeedSink["status"], out: SocketOut, selfId: string): FeedSink {
  return {
    status,
    room: () => out.room(),
    snapshot: (sessions) => out.tellText(`{"type":"sessions","id":${id},"sessions":[${sessions.join()}],"self_id":"${selfId}"}`),
    changed: (session) => out.tellText(`{"type":"session","id":${id},"session":${session}}`),
    removed: (session) => out.tell({ type: "session_removed", id, session }),
    together: (action) => out.together(action),
  };
}
