/** Open WebSockets and event streams: counted, kept awake, ended with the server. */
import type { Clock } from "../base/clock.ts";
import { limits } from "../config.ts";

/** A connection that stays. None of the calls may throw. */
export interface Connection {
  readonly kind: "socket" | "stream";
  /** Bytes that wait for the peer, where that is known. */
  readonly queuedSizeBytes: number;
  /** Says that all is well and how far the log is. */
  beat(): void;
  /** The server stops. */
  end(): void;
}

export class Connections {
  readonly #clock: Clock;
  readonly #open = { socket: new Set<Connection>(), stream: new Set<Connection>() };
  /** Those that are still owed the last beat. */
  #beats: Connection[] = [];
  #isBeating = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get socketCount(): number {
    return this.#open.socket.size;
  }

  get streamCount(): number {
    return this.#open.stream.size;
  }

  /** Bytes that wait in sockets for their peers. */
  queuedSizeBytes(): number {
    let sum = 0;
    for (const socket of this.#open.socket) sum += socket.queuedSizeBytes;
    return sum;
  }

  /** Notes a connection; returns the call that forgets it. */
  add(connection: Connection): () => void {
    const open = this.#open[connection.kind];
    open.add(connection);
    return () => open.delete(connection);
  }

  /** Lets every connection beat, in as many turns of the event loop as that takes. */
  heartbeat(): void {
    this.#beats = [...this.#open.socket, ...this.#open.stream];
    if (this.#isBeating) return;
    this.#isBeating = true;
    this.#beatSome();
  }

  endAll(): void {
    for (const connection of [...this.#open.socket, ...this.#open.stream]) connection.end();
  }

  #beatSome(): void {
    const endMs = this.#clock.monotonicMs() + limits.fanOutTurnMsMax;
    for (let connection = this.#beats.pop(); connection !== undefined; connection = this.#beats.pop()) {
      if (this.#open[connection.kind].has(connection)) connection.beat();
      if (this.#clock.monotonicMs() > endMs) break;
    }
    this.#isBeating = this.#beats.length > 0;
    if (this.#isBeating) setImmediate(() => this.#beatSome());
  }
}
