/** `GET /sessions/{id}/log/stream`: the same following as over a WebSocket, as server-sent events (WHATWG HTML, 9.2). */
import { limits } from "../config.ts";
import { type Delta, deltaForm, emptyDelta, sseLogFrame } from "../wire/delta.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Connection } from "./connections.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Exchange, refusalAnswer } from "./exchange.ts";
import type { Follower, FollowRequest, FollowSink, GapReason } from "./follower.ts";
import type { Live } from "./live.ts";
import { isRefusal, wholeNumber } from "./query-input.ts";
import { parseFilter } from "./read-input.ts";
import { sessionOf } from "./routes-sessions.ts";

const eventStreamType = "text/event-stream";
/** A line that readers skip. */
const comment = ":\n\n";
const wholeRange = { min: 0, max: Number.MAX_SAFE_INTEGER };

/** Starts a stream, or answers why not. */
export function followStream(engine: Engine, live: Live, exchange: Exchange): Answer | undefined {
  const request = requestOf(engine, live, exchange);
  if (isRefusal(request)) return refusalAnswer(request);
  if (exchange.method === "head") return { status: 200, headers: { "Content-Type": eventStreamType }, body: "" };
  exchange.beginStream(eventStreamType, comment);
  new EventStream(engine, live, exchange, request);
  return undefined;
}

function requestOf(engine: Engine, live: Live, exchange: Exchange): FollowRequest | Refusal {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return session;
  const cursor = wholeNumber(exchange.query, "cursor", wholeRange);
  if (isRefusal(cursor)) return cursor;
  const tail = wholeNumber(exchange.query, "tail", wholeRange) ?? 0;
  if (isRefusal(tail)) return tail;
  const filter = parseFilter((name) => exchange.query.get(name) ?? undefined);
  if (isRefusal(filter)) return filter;
  const resumed = exchange.lastEventId;
  if (resumed !== "" && !(/^\d{1,16}$/.test(resumed) && Number(resumed) <= wholeRange.max))
    return refuse("invalid_query", "Last-Event-ID must be a cursor.");
  if (live.connections.streamCount >= limits.socketCountMax || live.isFull)
    return refuse("overloaded", "The server has as many streams open as it takes.", { retryAfterSeconds: 5 });
  const start = resumed === "" ? cursor : Number(resumed);
  return { session, cursor: start ?? Math.max(session.first - 1, session.head - tail), filter, policy: "lossless" };
}

class EventStream implements FollowSink, Connection {
  readonly kind = "stream";
  readonly form = deltaForm.json;
  /** The library does not tell. */
  readonly queuedSizeBytes = 0;
  readonly #exchange: Exchange;
  readonly #live: Live;
  readonly #engine: Engine;
  readonly #follower: Follower;
  readonly #forget: () => void;
  /** Since when the peer takes nothing; 0: it does. */
  #fullSinceMs = 0;
  #cancelKeepAlive = () => {};

  constructor(engine: Engine, live: Live, exchange: Exchange, request: FollowRequest) {
    this.#engine = engine;
    this.#live = live;
    this.#exchange = exchange;
    this.#forget = live.connections.add(this);
    this.#follower = live.follow(request, this);
    exchange.onAborted(() => this.#close());
    exchange.response.onWritable(() => {
      this.#flush();
      return true;
    });
  }

  room(): number {
    return this.#fullSinceMs > 0 || this.#exchange.isOver ? 0 : limits.socketSendBudgetBytes;
  }

  beginRead(): boolean {
    return true;
  }

  endRead(): void {}

  delta(delta: Delta, head: number): void {
    this.#write(sseLogFrame(delta, head));
  }

  gap(from: number, to: number, reason: GapReason): void {
    this.#write(event("gap", { from, to, reason }, to));
  }

  ended(cursor: number, reason: string): void {
    this.#write(event("ended", { cursor, reason }, cursor));
    this.end();
  }

  /** A filter that lets nothing through must not pin a resuming client to an old cursor. */
  tellCursors(): void {
    const { told, cursor, session } = this.#follower;
    if (told >= cursor || this.room() <= 0) return;
    this.#follower.told = cursor;
    this.#write(sseLogFrame(emptyDelta(this.form, told, cursor), session.head));
  }

  beat(): void {
    if (this.room() <= 0) return;
    const { session, cursor } = this.#follower;
    this.#follower.told = cursor;
    this.#write(event("heartbeat", { head: session.head, cursor }, cursor));
  }

  end(): void {
    this.#close();
    this.#exchange.endStream();
  }

  #close(): void {
    this.#cancelKeepAlive();
    this.#forget();
    this.#live.unfollow(this.#follower);
  }

  /** With a handler for it, the library sends what it has queued only along with the next write. */
  #flush(): void {
    this.#write(comment);
    if (this.#fullSinceMs === 0) this.#follower.onRoom();
  }

  #write(data: string | Uint8Array): void {
    if (this.#exchange.isOver) return;
    const { response } = this.#exchange;
    response.cork(() => {
      if (!response.write(data as string)) this.#noteFull();
      else this.#fullSinceMs = 0;
    });
  }

  #noteFull(): void {
    if (this.#fullSinceMs > 0) return;
    this.#fullSinceMs = this.#engine.clock.monotonicMs();
    this.#keepAlive();
  }

  /** The library cuts what takes no bytes for 10 s; a reader may take longer, but not for ever. */
  #keepAlive(): void {
    this.#cancelKeepAlive();
    this.#cancelKeepAlive = this.#engine.clock.after(limits.streamKeepAliveMs, () => {
      if (this.#fullSinceMs === 0 || this.#exchange.isOver) return;
      const fullMs = this.#engine.clock.monotonicMs() - this.#fullSinceMs;
      if (fullMs > limits.socketIdleSeconds * 1000) return void this.#exchange.response.close();
      this.#flush();
      this.#keepAlive();
    });
  }
}

function event(name: string, data: object, id: number): string {
  return `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}
