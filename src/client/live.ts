/**
 * The live client: subscriptions, the sessions feed and appends over one WebSocket. After a break every subscription
 * goes on at its cursor and every unanswered append is sent again under its key: nothing twice, nothing lost.
 */
import { assert } from "../base/assert.ts";
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import { type Clock, waitingClock } from "../base/clock.ts";
import type { SessionId } from "../base/ids.ts";
import {
  type AppendAnswer,
  type ClientMessage,
  type EntryInput,
  protocolFlatbuffers,
  protocolJson,
  type ServerMessage,
  type SessionObject,
} from "../wire/api.ts";
import { appendFrame, readDeltaFrame } from "../wire/frame.ts";
import { type BackoffOptions, backoffDefaults } from "./backoff.ts";
import { newProducerName } from "./client.ts";
import { TailraceError } from "./errors.ts";
import { LiveSocket, type LiveState, type OpenSocket } from "./live-socket.ts";
import { entriesOfFrame } from "./payload-entries.ts";
import { deliver, type SubscribeRequest, Subscription, type SubscriptionOwner, type SubscriptionSink } from "./subscription.ts";

export interface LiveOptions {
  /** Base address of the server, `http:` or `https:`. */
  readonly url: string;
  readonly openSocket: OpenSocket;
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
  readonly onState?: (state: LiveState) => void;
  /** Log deltas and `appendBatch` as binary frames: less work for the server, the same entries. */
  readonly binary?: boolean;
}

export interface LiveAppendOptions {
  /** `<producer>:<sequence>`; left out, the client numbers its own. */
  readonly key?: string;
  readonly ack?: "written" | "synced";
}

export interface SessionsSink {
  onSessions(sessions: SessionObject[], selfId: string): void;
  onSession(session: SessionObject): void;
  onRemoved(id: string): void;
}

/** Appends that wait for an answer, or for the connection; more are refused. */
const appendWaitingCountMax = 4096;
/** Until `hello` tells how many unacknowledged appends the server allows. */
const creditCountInitial = 1;

interface WaitingAppend {
  readonly ref: number;
  readonly message: string | OwnedBytes;
  readonly resolve: (answer: AppendAnswer) => void;
  readonly reject: (error: Error) => void;
}

interface Feed {
  readonly id: number;
  readonly status: "active" | "ended" | "all";
  readonly sink: SessionsSink;
}

export class LiveClient implements SubscriptionOwner {
  readonly #socket: LiveSocket;
  readonly #producer = newProducerName();
  readonly #subscriptions = new Set<Subscription>();
  readonly #byId = new Map<number, Subscription>();
  readonly #feeds = new Map<number, Feed>();
  /** Sent and not answered, in order of sending. */
  readonly #unanswered = new Map<number, WaitingAppend>();
  #unsent: WaitingAppend[] = [];
  #credits = creditCountInitial;
  #lastNumber = 0;
  #sequence = 0;
  #isClosed = false;
  readonly #isBinary: boolean;
  readonly #onState: (state: LiveState) => void;

  constructor(options: LiveOptions) {
    const url = `${options.url.replace(/^http/, "ws").replace(/\/+$/, "")}/sessions/ws`;
    this.#onState = options.onState ?? (() => {});
    this.#isBinary = options.binary === true;
    this.#socket = new LiveSocket(
      {
        url,
        protocol: this.#isBinary ? protocolFlatbuffers : protocolJson,
        open: options.openSocket,
        clock: options.clock ?? waitingClock,
        backoff: options.backoff ?? backoffDefaults,
      },
      { onOpen: () => this.#opened(), onMessage: (data) => this.#received(data), onState: (state) => this.#changed(state) },
    );
  }

  get state(): LiveState {
    return this.#socket.state;
  }

  /** Follows one session; the first call connects. */
  subscribe(request: SubscribeRequest, sink: SubscriptionSink): Subscription {
    const subscription = new Subscription(this, request, sink);
    this.#subscriptions.add(subscription);
    this.#start();
    this.resume(subscription);
    return subscription;
  }

  /** Follows the list of sessions; returns its end. */
  watchSessions(status: "active" | "ended" | "all", sink: SessionsSink): () => void {
    const feed: Feed = { id: ++this.#lastNumber, status, sink };
    this.#feeds.set(feed.id, feed);
    this.#start();
    this.#send({ type: "sessions", id: feed.id, status });
    return () => {
      if (this.#feeds.delete(feed.id)) this.#send({ type: "unsubscribe", id: feed.id });
    };
  }

  /** Appends one batch; resolves with the server's answer, also when the connection broke in between. */
  append(session: string, entries: EntryInput[], options: LiveAppendOptions = {}): Promise<AppendAnswer> {
    return this.#append(options, (ref, key) => {
      const { ack } = options;
      const message: ClientMessage = { type: "append", ref, session, entries, key, ...(ack !== undefined && { ack }) };
      return JSON.stringify(message);
    });
  }

  /** Appends one LogBatch, which is copied; needs `binary`. */
  appendBatch(session: SessionId, batch: AnyBytes, options: LiveAppendOptions = {}): Promise<AppendAnswer> {
    assert(this.#isBinary, "binary appends need the binary protocol");
    return this.#append(options, (ref, key) => appendFrame({ ref, session, key, synced: options.ack === "synced" }, batch));
  }

  #append(options: LiveAppendOptions, encode: (ref: number, key: string) => string | OwnedBytes): Promise<AppendAnswer> {
    if (this.#unsent.length + this.#unanswered.size >= appendWaitingCountMax) {
      return Promise.reject(new TailraceError("overloaded", `${appendWaitingCountMax} appends wait for an answer; slow down`));
    }
    const ref = ++this.#lastNumber;
    const message = encode(ref, options.key ?? `${this.#producer}:${++this.#sequence}`);
    return new Promise((resolve, reject) => {
      this.#unsent.push({ ref, message, resolve, reject });
      this.#start();
      this.#sendAppends();
    });
  }

  /** Tells the server that a session is alive. */
  heartbeat(session: string): void {
    this.#send({ type: "heartbeat", session });
  }

  /** Ends everything; unanswered appends are rejected with code `closed`. */
  close(): void {
    this.#isClosed = true;
    this.#socket.stop();
  }

  /** Used by `Subscription`. */
  pause(subscription: Subscription): void {
    if (subscription.id === 0) return;
    this.#byId.delete(subscription.id);
    this.#send({ type: "unsubscribe", id: subscription.id });
    subscription.id = 0;
  }

  /** Used by `Subscription`. */
  resume(subscription: Subscription): void {
    if (subscription.id !== 0 || !this.#subscriptions.has(subscription)) return;
    subscription.id = ++this.#lastNumber;
    this.#byId.set(subscription.id, subscription);
    this.#sendSubscribe(subscription);
  }

  /** Used by `Subscription`. */
  unsubscribe(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    this.pause(subscription);
    this.#socket.expectsHeartbeats = this.#subscriptions.size > 0;
  }

  #start(): void {
    if (this.#isClosed) throw new TailraceError("closed", "the live client was closed");
    this.#socket.expectsHeartbeats = this.#subscriptions.size > 0;
    this.#socket.start();
  }

  #send(message: ClientMessage): boolean {
    return this.#socket.trySend(JSON.stringify(message));
  }

  #sendSubscribe(subscription: Subscription): void {
    const { cursor: _cursor, tail, ...rest } = subscription.request;
    const place = subscription.isPlaced ? { cursor: subscription.cursor } : { tail: tail ?? 0 };
    this.#send({ type: "subscribe", id: subscription.id, ...rest, ...place });
  }

  #sendAppends(): void {
    if (this.#socket.state.kind !== "open") return;
    while (this.#unanswered.size < this.#credits) {
      const waiting = this.#unsent.shift();
      if (waiting === undefined) return;
      this.#unanswered.set(waiting.ref, waiting);
      this.#socket.trySend(waiting.message);
    }
  }

  #opened(): void {
    for (const subscription of this.#byId.values()) this.#sendSubscribe(subscription);
    for (const feed of this.#feeds.values()) this.#send({ type: "sessions", id: feed.id, status: feed.status });
    this.#sendAppends();
  }

  #changed(state: LiveState): void {
    if (state.kind === "waiting" || state.kind === "closed") {
      this.#unsent = [...this.#unanswered.values(), ...this.#unsent];
      this.#unanswered.clear();
      this.#credits = creditCountInitial;
    }
    if (state.kind === "closed") this.#fail(new TailraceError("closed", state.reason));
    this.#onState(state);
  }

  #fail(error: TailraceError): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const waiting of unsent) waiting.reject(error);
    if (this.#isClosed) return;
    for (const subscription of this.#subscriptions) subscription.sink.onError?.(error);
  }

  #received(data: string | OwnedBytes): void {
    if (typeof data !== "string") {
      this.#receivedFrame(data);
      return;
    }
    let message: ServerMessage;
    try {
      message = JSON.parse(data) as ServerMessage;
    } catch {
      this.#socket.reconnect("a message could not be read");
      return;
    }
    this.#dispatch(message);
  }

  #receivedFrame(bytes: OwnedBytes): void {
    const frame = readDeltaFrame(bytes);
    if (frame === undefined) {
      this.#socket.reconnect("a frame could not be read");
      return;
    }
    const subscription = this.#byId.get(frame.id);
    if (subscription !== undefined) deliver(subscription, entriesOfFrame(bytes, frame), frame.cursor, frame.head);
  }

  #dispatch(message: ServerMessage): void {
    switch (message.type) {
      case "hello":
        this.#credits = message.credits;
        this.#sendAppends();
        return;
      case "subscribed":
      case "log":
      case "gap":
      case "ended":
        this.#forSubscription(message);
        return;
      case "sessions":
        this.#feeds.get(message.id)?.sink.onSessions(message.sessions, message.self_id);
        return;
      case "session":
        this.#feeds.get(message.id)?.sink.onSession(message.session);
        return;
      case "session_removed":
        this.#feeds.get(message.id)?.sink.onRemoved(message.session);
        return;
      case "ack":
        this.#answered(message.ref, (waiting) => waiting.resolve(answerOf(message)));
        return;
      case "error":
        this.#refused(message);
        return;
      case "heartbeat":
        return;
    }
  }

  #forSubscription(message: ServerMessage & { type: "subscribed" | "log" | "gap" | "ended" }): void {
    const subscription = this.#byId.get(message.id);
    if (subscription === undefined) return;
    if (message.type === "log") deliver(subscription, message.entries, message.cursor, message.head);
    else if (message.type === "subscribed") {
      if (!subscription.isPlaced) subscription.cursor = message.cursor;
      subscription.isPlaced = true;
      subscription.sink.onSubscribed?.(message.cursor, message.head, message.first);
    } else if (message.type === "gap") {
      const { type: _type, id: _id, ...gap } = message;
      subscription.cursor = Math.max(subscription.cursor, gap.to);
      subscription.sink.onGap?.(gap);
    } else {
      subscription.cursor = Math.max(subscription.cursor, message.cursor);
      subscription.sink.onEnded?.(message.reason, message.cursor);
    }
  }

  #answered(ref: number, action: (waiting: WaitingAppend) => void): void {
    const waiting = this.#unanswered.get(ref);
    if (waiting === undefined) return;
    this.#unanswered.delete(ref);
    action(waiting);
    this.#sendAppends();
  }

  #refused(message: ServerMessage & { type: "error" }): void {
    const error = new TailraceError(message.code, message.message);
    // A stopping server closes next: the batch goes to its successor.
    if (message.ref !== undefined && message.code !== "shutting_down") {
      this.#answered(message.ref, (waiting) => waiting.reject(error));
    }
    const subscription = message.id === undefined ? undefined : this.#byId.get(message.id);
    if (subscription === undefined || message.code === "shutting_down") return;
    this.#byId.delete(subscription.id);
    this.#subscriptions.delete(subscription);
    subscription.id = 0;
    subscription.sink.onError?.(error);
  }
}

function answerOf(message: ServerMessage & { type: "ack" }): AppendAnswer {
  const { type: _type, ref: _ref, ...answer } = message;
  return answer;
}
