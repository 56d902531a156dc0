/** A model of the server's WebSocket: one session as an array, and sockets that the test can break at any message. */
import type { OpenSocket, SocketLike } from "#src/client/live-socket.ts";
import type { ClientMessage, EntryObject, ServerMessage } from "#src/wire/api.ts";

interface ModelSubscription {
  readonly id: number;
  cursor: number;
}

type Listener = (event: never) => void;

/** One end of a connection that has no wire: the model calls the listeners. */
export class ModelSocket implements SocketLike {
  binaryType = "";
  readonly bufferedAmount = 0;
  readonly received: ClientMessage[] = [];
  readonly subscriptions = new Map<number, ModelSubscription>();
  isOpen = false;
  isOver = false;
  readonly #listeners = new Map<string, Listener[]>();
  readonly #onSent: (message: ClientMessage) => void;

  constructor(onSent: (socket: ModelSocket, message: ClientMessage) => void) {
    this.#onSent = (message) => onSent(this, message);
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(data: string | Uint8Array): void {
    const message = JSON.parse(String(data)) as ClientMessage;
    this.received.push(message);
    this.#onSent(message);
  }

  close(): void {
    this.isOver = true;
  }

  tell(message: ServerMessage): void {
    if (!this.isOver) this.#emit("message", { data: JSON.stringify(message) });
  }

  open(): void {
    this.isOpen = true;
    this.#emit("open", {});
  }

  break(code = 1006): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#emit("close", { code, reason: "" });
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

export const modelSession = "66f0aaaaaaaaaaaaaaaaaaaa";

export class LiveModel {
  readonly sockets: ModelSocket[] = [];
  readonly entries: EntryObject[] = [];
  endReason: string | undefined;
  /** Batches stored by their key, so that a repeat is stored once. */
  readonly #keys = new Map<string, number>();
  /** Whether new sockets open. */
  isUp = true;
  /** Whether an append is answered; without, it is stored and the answer is lost. */
  answers = true;

  readonly openSocket: OpenSocket = () => {
    const socket = new ModelSocket((from, message) => this.#take(from, message));
    this.sockets.push(socket);
    return socket;
  };

  get socket(): ModelSocket | undefined {
    return this.sockets.findLast((socket) => !socket.isOver);
  }

  /** Opens a socket that waits for it, or refuses it. */
  settle(): void {
    const socket = this.socket;
    if (socket === undefined || socket.isOpen) return;
    if (!this.isUp) {
      socket.break();
      return;
    }
    socket.open();
    socket.tell({ type: "hello", protocol: 1, self_id: modelSession, credits: 4 });
  }

  add(count: number): void {
    for (let index = 0; index < count; index++) {
      const seq = this.entries.length + 1;
      this.entries.push({ seq, timestamp: "2026-11-20T10:00:00.000Z", message: `entry ${seq}` });
    }
  }

  /** Sends every subscription of the open socket up to `count` more entries. */
  deliver(count: number): void {
    const socket = this.socket;
    if (socket === undefined || !socket.isOpen) return;
    for (const subscription of [...socket.subscriptions.values()]) {
      const entries = this.entries.slice(subscription.cursor, subscription.cursor + count);
      if (entries.length === 0) continue;
      subscription.cursor += entries.length;
      const head = this.entries.length;
      socket.tell({ type: "log", id: subscription.id, cursor: subscription.cursor, head, entries });
    }
  }

  #take(socket: ModelSocket, message: ClientMessage): void {
    if (message.type === "subscribe") {
      const head = this.entries.length;
      const cursor = message.cursor ?? Math.max(0, head - (message.tail ?? 0));
      socket.subscriptions.set(message.id, { id: message.id, cursor });
      socket.tell({ type: "subscribed", id: message.id, session: message.session, cursor, head, first: 1 });
    } else if (message.type === "unsubscribe") socket.subscriptions.delete(message.id);
    else if (message.type === "append") this.#append(socket, message);
  }

  #append(socket: ModelSocket, message: ClientMessage & { type: "append" }): void {
    const key = message.key ?? "";
    const known = this.#keys.get(key);
    const count = message.entries.length;
    if (known === undefined) {
      this.#keys.set(key, this.entries.length + 1);
      for (const entry of message.entries) {
        const seq = this.entries.length + 1;
        this.entries.push({ seq, timestamp: "2026-11-20T10:00:00.000Z", message: entry.message ?? "" });
      }
    }
    const first = this.#keys.get(key) ?? 1;
    if (this.answers) socket.tell({ type: "ack", ref: message.ref, first, cursor: first + count - 1, count, ack: "written" });
  }
}
