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
  /** Tells cursors that moved past entries which their filters do not choose, so that who resumes begins there. */
  tellCursors(): void;
  /** The server stops. */
  end(): void;
}

/** Something that is done with every connection, in as many turns of the event loop as that takes. */
interface Round {
  /** Those with whom it was not done yet. */
  owed: Connection[];
  isRunning: boolean;
  readonly action: (connection: Connection) => void;
}

export class Connections {
  readonly #clock: Clock;
  readonly #open = { socket: new Set<Connection>(), stream: new Set<Connection>() };
  readonly #beats: Round;
  readonly #cursors: Round;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beats = { owed: [], isRunning: false, action: (connection) => connection.beat() };
    this.#cursors = { owed: [], isRunning: false, action: (connection) => connection.tellCursors() };
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
    this.#begin(this.#beats);
  }

  /** Lets every connection tell its cursors, likewise. */
  tellCursors(): void {
    this.#begin(this.#cursors);
  }

  endAll(): void {
    for (const connection of [...this.#open.socket, ...this.#open.stream]) connection.end();
  }

  #begin(round: Round): void {
    round.owed = [...this.#open.socket, ...this.#open.stream];
    if (!round.isRunning) this.#goOn(round);
  }

  #goOn(round: Round): void {
    const endMs = this.#clock.monotonicMs() + limits.fanOutTurnMsMax;
    for (let connection = round.owed.pop(); connection !== undefined; connection = round.owed.pop()) {
      if (this.#open[connection.kind].has(connection)) round.action(connection);
      if (this.#clock.monotonicMs() > endMs) break;
    }
    round.isRunning = round.owed.length > 0;
    if (round.isRunning) setImmediate(() => this.#goOn(round));
  }
}
