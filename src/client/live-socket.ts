/** One WebSocket that comes back by itself: connect, watch for silence, wait, connect again. Knows no messages. */
import type { Clock } from "../base/clock.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";

/** What the client needs of a WebSocket: browsers' own and the package `ws` both have it. */
export interface SocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: "error", listener: (event: object) => void): void;
}

/** Opens a WebSocket: in Node made from `ws`, in browsers `(url, protocols) => new WebSocket(url, protocols)`. */
export type OpenSocket = (url: string, protocols: string[]) => SocketLike;

export type LiveState =
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "open" }
  | { readonly kind: "waiting"; readonly attempt: number; readonly retryInMs: number; readonly reason: string }
  | { readonly kind: "closed"; readonly reason: string };

export interface LiveSocketOptions {
  readonly url: string;
  readonly protocol: string;
  readonly open: OpenSocket;
  readonly clock: Clock;
  readonly backoff: BackoffOptions;
}

export interface LiveSocketEvents {
  onOpen(): void;
  onMessage(data: string | Uint8Array<ArrayBuffer>): void;
  onState(state: LiveState): void;
}

/** A connection that is not open by then is given up. */
const connectMsMax = 10_000;
/** The server sends a heartbeat per subscription every 15 s; three missed ones mean that the peer is gone. */
const silenceMsMax = 46_000;
/** A timer that is so late was held up by a blocked process, by a pager that stops for example. */
const heldUpMsMin = 2_000;
/** A connection that lasted so long was a good one: the next wait starts short again. */
const goodAfterMs = 5_000;

const closeCodeNotAllowed = 1008;

export class LiveSocket {
  state: LiveState = { kind: "closed", reason: "not started" };
  /** Whether silence of the peer means anything: only subscriptions get heartbeats. */
  expectsHeartbeats = false;
  readonly #options: LiveSocketOptions;
  readonly #events: LiveSocketEvents;
  #socket: SocketLike | undefined;
  #attempt = 0;
  #openedAtMs = 0;
  #lastHeardMs = 0;
  #cancelTimer = () => {};

  constructor(options: LiveSocketOptions, events: LiveSocketEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Connects unless that is under way or done. */
  start(): void {
    if (this.state.kind === "closed") this.#connect();
  }

  /** Sends at once; false when there is no open connection. */
  trySend(data: string | Uint8Array<ArrayBuffer>): boolean {
    if (this.state.kind !== "open" || this.#socket === undefined) return false;
    this.#socket.send(data);
    return true;
  }

  /** Closes for good. */
  stop(reason = "closed"): void {
    if (this.state.kind === "closed") return;
    this.#drop(1000);
    this.#enter({ kind: "closed", reason });
  }

  /** Gives the connection up and comes back at once: its stream cannot be trusted any more. */
  reconnect(reason: string): void {
    if (this.state.kind === "closed") return;
    this.#drop(1000);
    this.#wait(reason);
  }

  #connect(): void {
    const { url, protocol, open, clock } = this.#options;
    this.#enter({ kind: "connecting", attempt: this.#attempt + 1 });
    let socket: SocketLike;
    try {
      socket = open(url, [protocol]);
    } catch (error) {
      this.#wait(String(error));
      return;
    }
    this.#socket = socket;
    let reason = "";
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#isCurrent(socket) && this.#opened());
    socket.addEventListener("message", (event) => this.#isCurrent(socket) && this.#heard(event.data));
    // Browsers give no reason; the package `ws` has a message.
    socket.addEventListener("error", (event) => {
      reason = "message" in event && typeof event.message === "string" ? event.message : "";
    });
    socket.addEventListener("close", (event) => this.#isCurrent(socket) && this.#lost(event.code, event.reason || reason));
    this.#arm(clock.after(connectMsMax, () => this.reconnect("no answer")));
  }

  #isCurrent(socket: SocketLike): boolean {
    return this.#socket === socket;
  }

  #opened(): void {
    this.#openedAtMs = this.#options.clock.monotonicMs();
    this.#lastHeardMs = this.#openedAtMs;
    this.#enter({ kind: "open" });
    this.#checkAfter(silenceMsMax);
    this.#events.onOpen();
  }

  #heard(data: unknown): void {
    this.#lastHeardMs = this.#options.clock.monotonicMs();
    if (typeof data === "string") this.#events.onMessage(data);
    else if (data instanceof ArrayBuffer) this.#events.onMessage(new Uint8Array(data));
  }

  #lost(code: number, reason: string): void {
    this.#drop();
    if (code === closeCodeNotAllowed) this.#enter({ kind: "closed", reason: reason || "not allowed" });
    else this.#wait(reason || reasonOfCode(code));
  }

  #wait(reason: string): void {
    const { clock, backoff } = this.#options;
    if (this.#openedAtMs > 0 && clock.monotonicMs() - this.#openedAtMs >= goodAfterMs) this.#attempt = 0;
    this.#openedAtMs = 0;
    this.#attempt++;
    const retryInMs = backoffMs(this.#attempt, backoff);
    this.#arm(clock.after(retryInMs, () => this.#connect()));
    this.#enter({ kind: "waiting", attempt: this.#attempt, retryInMs, reason });
  }

  /** Looks once per silence period whether anything was heard in it. */
  #checkAfter(delayMs: number): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    const check = () => {
      const nowMs = clock.monotonicMs();
      const silentMs = nowMs - this.#lastHeardMs;
      // A check that comes late finds a process that was held up, with messages still unread.
      const wasHeldUp = nowMs - dueMs > heldUpMsMin;
      if (wasHeldUp || !this.expectsHeartbeats) this.#checkAfter(silenceMsMax);
      else if (silentMs >= silenceMsMax) this.reconnect("no heartbeat");
      else this.#checkAfter(silenceMsMax - silentMs);
    };
    this.#arm(clock.after(delayMs, check));
  }

  /** There is one timer at a time: for the connection, for silence, or for the next attempt. */
  #arm(cancel: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = cancel;
  }

  #drop(code?: number): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#arm(() => {});
    if (code !== undefined) socket?.close(code);
  }

  #enter(state: LiveState): void {
    this.state = state;
    this.#events.onState(state);
  }
}

function reasonOfCode(code: number): string {
  if (code === 1001) return "the server is stopping";
  if (code === 1006) return "the connection broke";
  if (code === 1009) return "a message was too large";
  if (code === 1013) return "the server is overloaded";
  return `closed with code ${code}`;
}
