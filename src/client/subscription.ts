/** One followed session of a live client: where it stands, and that each entry passes once. */
import type { EntryObject, FilterInput, Gap } from "../wire/api.ts";
import type { TailraceError } from "./errors.ts";

export interface SubscribeRequest extends FilterInput {
  readonly session: string;
  /** Entries after this seq; 0 from the oldest. */
  readonly cursor?: number;
  /** Without a cursor: the last so many, then new ones. */
  readonly tail?: number;
  readonly policy?: "lossless" | "latest";
}

/** Where a subscription's news go. Called in order, never after `close`. */
export interface SubscriptionSink {
  onEntries(entries: EntryObject[], cursor: number, head: number): void;
  onSubscribed?(cursor: number, head: number, first: number): void;
  /** Entries from…to (both included) will not come. */
  onGap?(gap: Gap): void;
  onEnded?(reason: string, cursor: number): void;
  /** The server refuses the subscription; it is over. */
  onError?(error: TailraceError): void;
}

/** What a subscription asks of the client that it belongs to. */
export interface SubscriptionOwner {
  pause(subscription: Subscription): void;
  resume(subscription: Subscription): void;
  unsubscribe(subscription: Subscription): void;
}

/** One subscription: its cursor is the seq of the last entry handed to the sink. */
export class Subscription {
  cursor: number;
  readonly #owner: SubscriptionOwner;
  readonly request: SubscribeRequest;
  readonly sink: SubscriptionSink;
  /** Number on the wire; 0 while it is paused. A new one with every subscribe, so that late messages are told apart. */
  id = 0;
  /** False while only `tail` says where to begin. */
  isPlaced: boolean;

  constructor(owner: SubscriptionOwner, request: SubscribeRequest, sink: SubscriptionSink) {
    this.#owner = owner;
    this.request = request;
    this.sink = sink;
    this.isPlaced = request.cursor !== undefined;
    this.cursor = request.cursor ?? 0;
  }

  /** Stops the flow without losing the place: for a reader that cannot keep up. */
  pause(): void {
    this.#owner.pause(this);
  }

  /** Goes on at the cursor. */
  resume(): void {
    this.#owner.resume(this);
  }

  close(): void {
    this.#owner.unsubscribe(this);
  }
}

/** Hands entries on, each once: a repeat is dropped, a hole that was not announced is told as a gap. */
export function deliver(subscription: Subscription, entries: EntryObject[], cursor: number, head: number): void {
  let fresh = entries;
  if (entries.length > 0 && entries[0]!.seq <= subscription.cursor) {
    fresh = entries.filter((entry) => entry.seq > subscription.cursor);
  }
  const first = fresh[0]?.seq;
  if (first !== undefined && !isFiltered(subscription.request) && first > subscription.cursor + 1) {
    subscription.sink.onGap?.({ from: subscription.cursor + 1, to: first - 1 });
  }
  if (cursor <= subscription.cursor && fresh.length === 0) return;
  subscription.cursor = Math.max(subscription.cursor, cursor);
  subscription.sink.onEntries(fresh, subscription.cursor, head);
}

function isFiltered(request: FilterInput): boolean {
  const { level, logger, q, template, since, until } = request;
  return [level, logger, q, template, since, until].some((value) => value !== undefined);
}
