/** The sending side of one WebSocket: what may be queued in it, and what happens when its client does not read. */
import type { WebSocket } from "uWebSockets.js";
import { limits } from "../config.ts";
import type { ServerMessage } from "../wire/api.ts";
import { binaryLogFrame, type Delta, deltaForm, emptyDelta, jsonLogFrame } from "../wire/delta.ts";
import { type Refusal, refusalMembers } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";

/** What the library keeps for us with each socket. */
export interface SocketData {
  readonly isBinary: boolean;
}

export class SocketOut {
  readonly #socket: WebSocket<SocketData>;
  readonly #engine: Engine;
  readonly isBinary: boolean;
  /** Of the bytes that are queued, at most so many are answers to what the client sent. */
  #answerSizeBytes = 0;
  /** What is sent now leaves with what follows. */
  #isTogether = false;
  #isClosed = false;

  constructor(socket: WebSocket<SocketData>, engine: Engine) {
    this.#socket = socket;
    this.#engine = engine;
    this.isBinary = socket.getUserData().isBinary;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The library's socket is gone: nothing may be called on it any more. */
  markClosed(): void {
    this.#isClosed = true;
  }

  get queuedSizeBytes(): number {
    return this.#isClosed ? 0 : this.#socket.getBufferedAmount();
  }

  /** Bytes that subscriptions and feeds may send now. */
  room(): number {
    return this.#isClosed ? 0 : limits.socketSendBudgetBytes - this.#socket.getBufferedAmount();
  }

  /** Some of what was queued has left. */
  drained(): void {
    this.#answerSizeBytes = Math.min(this.#answerSizeBytes, this.queuedSizeBytes);
  }

  /** Sends what a subscription or feed has to say; its sender has looked at `room`. */
  tell(message: ServerMessage): void {
    this.tellText(JSON.stringify(message));
  }

  tellText(text: string): void {
    if (!this.#isClosed) this.#socket.send(text, false);
  }

  tellDelta(id: number, delta: Delta, head: number): void {
    if (this.#isClosed) return;
    if (this.isBinary) this.#socket.send(binaryLogFrame(id, delta, head), true);
    else this.#socket.send(jsonLogFrame(id, delta, head), false);
  }

  /** Tells how far a subscription is whose filter let nothing through. */
  tellCursor(id: number, from: number, cursor: number, head: number): void {
    this.tellDelta(id, emptyDelta(this.isBinary ? deltaForm.binary : deltaForm.json, from, cursor), head);
  }

  /** Answers what the client sent, whether there is room or not: only a client that goes on asking unread is cut. */
  answer(message: string | Uint8Array): void {
    if (this.#isClosed) return;
    this.#socket.send(message, false);
    this.#answerSizeBytes += message.length;
    if (!this.#isTogether) this.#checkAnswers();
  }

  #checkAnswers(): void {
    if (this.#isClosed || this.#answerSizeBytes === 0) return;
    if (this.#socket.getBufferedAmount() === 0) this.#answerSizeBytes = 0;
    else if (this.#answerSizeBytes > limits.socketAnswerBudgetBytes) this.close(1013, "answers are not read");
  }

  /** Says why what the client sent was not done. */
  refuse(refusal: Refusal, about: { ref?: unknown; id?: unknown }): void {
    this.#engine.counters.bad_request++;
    const ref = isWhole(about.ref) ? { ref: about.ref } : {};
    const id = isWhole(about.id) ? { id: about.id } : {};
    this.answer(JSON.stringify({ type: "error", ...ref, ...id, ...refusalMembers(refusal) }));
  }

  ping(): void {
    if (!this.#isClosed) this.#socket.ping();
  }

  /** Runs `action`; what it sends leaves together. */
  together(action: () => void): void {
    if (this.#isClosed) return;
    this.#isTogether = true;
    try {
      this.#socket.cork(action);
    } finally {
      this.#isTogether = false;
    }
    this.#checkAnswers();
  }

  /** Ends the socket with a code and a reason. */
  close(code: number, reason: string): void {
    if (!this.#isClosed) this.#socket.end(code, reason);
  }
}

/** Returns whether `value` may be a client's number or a cursor. */
export function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
