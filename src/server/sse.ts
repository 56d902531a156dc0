/** `GET /sessions/{id}/log/stream`: the same following as over a WebSocket, as server-sent events (WHATWG HTML, 9.2). */
import { limits } from "../config.ts";
import { type Delta, deltaForm, sseLogFrame } from "../wire/delta.ts";
import { refuse } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Exchange, refusalAnswer } from "./exchange.ts";
import type { Follower, FollowSink, Live } from "./live.ts";
import { isRefusal, wholeNumber } from "./query-input.ts";
import { parseFilter } from "./read-input.ts";
import { sessionOf } from "./routes-sessions.ts";

const eventStreamType = "text/event-stream";

/** Starts a stream, or answers why not. */
export function followStream(engine: Engine, live: Live, exchange: Exchange): Answer | undefined {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return refusalAnswer(session);
  const range = { min: 0, max: Number.MAX_SAFE_INTEGER };
  const cursor = wholeNumber(exchange.query, "cursor", range);
  const tail = wholeNumber(exchange.query, "tail", range);
  const filter = parseFilter((name) => exchange.query.get(name) ?? undefined);
  for (const value of [cursor, tail, filter]) if (isRefusal(value)) return refusalAnswer(value);
  if (isRefusal(filter)) return refusalAnswer(filter);
  const resumed = exchange.lastEventId;
  if (resumed !== "" && !/^\d{1,16}$/.test(resumed))
    return refusalAnswer(refuse("invalid_query", "Last-Event-ID must be a cursor."));
  const start = resumed === "" ? (cursor as number | undefined) : Number(resumed);
  if (live.followerCount >= limits.socketCountMax) {
    return refusalAnswer(refuse("overloaded", "The server has as many streams open as it takes.", { retryAfterSeconds: 5 }));
  }
  if (exchange.method === "head") return { status: 200, headers: { "Content-Type": eventStreamType }, body: "" };
  exchange.beginStream(eventStreamType);
  const stream = new EventStream(exchange);
  stream.follower = live.follow(
    session,
    start ?? Math.max(session.first - 1, session.head - ((tail as number | undefined) ?? 0)),
    filter,
    "lossless",
    stream,
  );
  exchange.onAborted(() => {
    if (stream.follower !== undefined) live.unfollow(stream.follower);
  });
  return undefined;
}

class EventStream implements FollowSink {
  readonly form = deltaForm.json;
  readonly #exchange: Exchange;
  follower: Follower | undefined;
  #isFull = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    exchange.response.onWritable(() => {
      // The library leaves sending what it kept to us, and takes nothing empty: a comment, which clients skip.
      const isSent = exchange.isOver || exchange.response.write(":\n\n");
      this.#isFull = !isSent;
      if (isSent) this.follower?.onRoom();
      return isSent;
    });
  }

  room(): number {
    return this.#isFull || this.#exchange.isOver ? 0 : limits.socketSendBudgetBytes;
  }

  delta(delta: Delta, head: number): void {
    this.#write(sseLogFrame(delta, head));
  }

  gap(from: number, to: number, reason: string): void {
    this.#write(event("gap", { from, to, reason }, to));
  }

  ended(cursor: number, reason: string): void {
    this.#write(event("ended", { cursor, reason }, cursor));
    this.#exchange.endStream();
  }

  heartbeat(head: number, cursor: number): void {
    // The id keeps a filter that lets nothing through from pinning a resuming client to an old cursor.
    this.#write(event("heartbeat", { head, cursor }, cursor));
  }

  #write(data: string | Uint8Array): void {
    if (this.#exchange.isOver) return;
    this.#exchange.response.cork(() => {
      if (!this.#exchange.response.write(data as string)) this.#isFull = true;
    });
  }
}

function event(name: string, data: object, id: number): string {
  return `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}
