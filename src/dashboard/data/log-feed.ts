/**
 * One session's log under one filter: the run that is looked at, the newest entries as they come, and what is loaded on
 * demand at either end. Memory is bounded: rows far from the view are forgotten and loaded again when needed.
 */
import type { TailraceClient } from "../../client/client.ts";
import type { LiveClient } from "../../client/live.ts";
import type { Subscription } from "../../client/subscription.ts";
import type { EntryObject, Gap, LogPage } from "../../wire/api.ts";
import { hasFields, type LogFilter, serverFilterOf } from "../model/filter.ts";
import { Run, rowOf } from "../model/run.ts";

/** Entries of one request: about ten screens. */
const pageEntryCount = 500;
/** Page when the page itself drops most of what it gets. */
const scanEntryCount = 5000;
/** Newest entries that are kept whatever is looked at: going back to the live end needs no request. */
const tailRowCountMax = 1000;
/** Rows while following; what scrolled away is loaded again. */
const followRowCountMax = 2000;
/** Rows while reading. */
const viewRowCountMax = 6000;
/** So far behind after a break, the missed entries are left to be loaded on demand. */
const catchUpEntryCountMax = 20_000;

export type FeedState = "loading" | "ready" | "failed";

export interface FeedSource {
  readonly client: TailraceClient;
  readonly live: LiveClient;
}

export class LogFeed {
  readonly session: string;
  readonly filter: LogFilter;
  readonly view = new Run();
  state: FeedState = "loading";
  problem = "";
  head = 0;
  first = 1;
  /** Matching entries that came since following stopped. */
  newCount = 0;
  /** The view reaches the live end and grows with it. */
  isAttached = false;
  readonly #source: FeedSource;
  readonly #onChange: () => void;
  readonly #tail = new Run();
  #isFollowing = true;
  /** Whether a view that does not follow still takes in what comes; a list with the newest on top must not. */
  #mayGrow = true;
  #subscription: Subscription | undefined;
  #loading = { older: false, newer: false };
  /** Counts jumps and replaced views: an answer that belongs to an older one is dropped. */
  #epoch = 0;
  /** Ends the requests of the epoch before. */
  #abort = new AbortController();

  constructor(source: FeedSource, session: string, filter: LogFilter, onChange: () => void) {
    this.#source = source;
    this.session = session;
    this.filter = filter;
    this.#onChange = onChange;
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Whether older or newer entries may exist outside the view. */
  get hasOlder(): boolean {
    return this.view.low >= this.first;
  }

  get hasNewer(): boolean {
    return !this.isAttached && this.view.high < this.head;
  }

  /** Returns estimates of the entries on both sides of the view, from the share that matched in it. */
  estimateOutside(): { older: number; newer: number } {
    const scanned = Math.max(1, this.view.high - this.view.low);
    const share = this.isFiltered ? Math.min(1, Math.max(this.view.rows.length, 1) / scanned) : 1;
    const older = Math.max(0, this.view.low - this.first + 1);
    const newer = this.isAttached ? 0 : Math.max(0, this.head - this.view.high);
    return { older: Math.ceil(older * share), newer: Math.ceil(newer * share) };
  }

  get isFiltered(): boolean {
    return this.filter.fields.length > 0 || Object.keys(serverFilterOf(this.filter)).length > 0;
  }

  /** Follows the live end or stands still. */
  setFollowing(isFollowing: boolean, mayGrow: boolean): void {
    this.#mayGrow = mayGrow;
    if (this.#isFollowing === isFollowing) return;
    this.#isFollowing = isFollowing;
    this.newCount = 0;
    if (isFollowing && !this.isAttached) void this.showTail();
  }

  /** Shows the newest entries. */
  async showTail(): Promise<void> {
    const epoch = this.#nextEpoch();
    const held = this.#tail.rows.length;
    if (this.#subscription !== undefined && (held >= tailRowCountMax / 2 || this.#tail.low < this.first)) {
      this.#dropLoading();
      this.view.copyOf(this.#tail);
      this.isAttached = true;
      this.#changed("ready");
      return;
    }
    const page = await this.#read({ tail: this.#pageSize }, epoch);
    if (page === undefined) return;
    this.#place(page, lowOfPage(page));
    this.#follow(page.cursor);
    this.#attach();
    // So much came while the page was on its way that the tail begins behind it.
    if (!this.isAttached) this.view.copyOf(this.#tail);
    this.isAttached = true;
    this.#changed("ready");
  }

  /** Shows the entries around `seq`. */
  async showAt(seq: number): Promise<void> {
    const epoch = this.#nextEpoch();
    const limit = Math.ceil(pageEntryCount / 2);
    const [older, newer] = await Promise.all([
      this.#readBefore(seq, limit, epoch),
      this.#read({ cursor: seq - 1, limit }, epoch),
    ]);
    if (older === undefined || newer === undefined) return;
    this.#place(newer, seq - 1);
    this.#prepend(older);
    this.#follow(newer.head);
    this.#attach();
    this.#changed("ready");
  }

  /** Shows the oldest entries that are kept. */
  async showFirst(): Promise<void> {
    const epoch = this.#nextEpoch();
    const page = await this.#read({ cursor: 0, limit: this.#pageSize }, epoch);
    if (page === undefined) return;
    this.#place(page, page.first - 1);
    this.#follow(page.head);
    this.#attach();
    this.#changed("ready");
  }

  /** Loads a page before the view; does nothing while one is under way. */
  async loadOlder(): Promise<void> {
    if (this.#loading.older || !this.hasOlder || this.state !== "ready") return;
    this.#loading.older = true;
    const epoch = this.#epoch;
    const page = await this.#readBefore(this.view.low + 1, this.#pageSize, epoch);
    if (epoch === this.#epoch) this.#loading.older = false;
    if (page === undefined) return;
    this.#prepend(page);
    if (this.view.trimNewest(viewRowCountMax) > 0) this.isAttached = false;
    this.#changed("ready");
  }

  /** Loads a page after the view; does nothing while one is under way. */
  async loadNewer(): Promise<void> {
    if (this.#loading.newer || !this.hasNewer || this.state !== "ready") return;
    this.#loading.newer = true;
    const epoch = this.#epoch;
    const page = await this.#read({ cursor: this.view.high, limit: this.#pageSize }, epoch);
    if (epoch === this.#epoch) this.#loading.newer = false;
    if (page === undefined) return;
    if (page.gap !== undefined) this.view.addGap(page.gap);
    this.view.append(this.#matching(page.entries), page.cursor);
    this.view.trimOldest(viewRowCountMax);
    this.#attach();
    this.#changed("ready");
  }

  /** Tries again after a failure. */
  retry(): void {
    if (this.state !== "failed") return;
    this.state = "loading";
    void this.showTail();
  }

  /** Stops everything; nothing is called after it. */
  close(): void {
    this.#nextEpoch();
    this.#subscription?.close();
  }

  get #pageSize(): number {
    return this.filter.fields.length > 0 ? scanEntryCount : pageEntryCount;
  }

  /**
   * Reads backwards. The server reads an unfiltered page forwards and ends it early where entries are large or missing; the
   * ones right before `before` are then asked for again, fewer of them.
   */
  async #readBefore(before: number, limit: number, epoch: number): Promise<LogPage | undefined> {
    const page = await this.#read({ before, limit }, epoch);
    const isShort = page !== undefined && !this.isFiltered && page.cursor < Math.min(before - 1, page.head);
    return isShort && limit > 1 ? this.#readBefore(before, Math.max(1, page.entries.length >> 1), epoch) : page;
  }

  async #read(
    place: { cursor?: number; before?: number; tail?: number; limit?: number },
    epoch: number,
  ): Promise<LogPage | undefined> {
    try {
      const query = { ...place, ...serverFilterOf(this.filter) };
      const page = await this.#source.client.readPage(this.session, query, { signal: this.#abort.signal });
      if (epoch !== this.#epoch) return undefined;
      this.head = Math.max(this.head, page.head);
      this.first = page.first;
      return page;
    } catch (error) {
      if (epoch !== this.#epoch) return undefined;
      this.problem = error instanceof Error ? error.message : String(error);
      this.#changed("failed");
      return undefined;
    }
  }

  #place(page: LogPage, low: number): void {
    this.#dropLoading();
    this.view.reset(low);
    this.isAttached = false;
    if (page.gap !== undefined) this.view.addGap(page.gap);
    this.view.append(this.#matching(page.entries), page.cursor);
  }

  /** Forgets what was asked for: it belongs to a view that is about to be replaced. */
  #dropLoading(): void {
    this.#nextEpoch();
    this.#loading = { older: false, newer: false };
  }

  #nextEpoch(): number {
    this.#abort.abort();
    this.#abort = new AbortController();
    return ++this.#epoch;
  }

  #prepend(page: LogPage): void {
    this.view.prepend(this.#matching(page.entries), lowOfPage(page));
    if (page.gap !== undefined) this.view.addGap(page.gap);
  }

  /** Subscribes behind `cursor`, once. */
  #follow(cursor: number): void {
    if (this.#subscription !== undefined) return;
    if (this.view.high >= cursor) this.#tail.copyOf(this.view);
    else this.#tail.reset(cursor);
    this.#subscribe(cursor);
  }

  #subscribe(cursor: number): void {
    this.#subscription = this.#source.live.subscribe(
      { session: this.session, cursor, ...serverFilterOf(this.filter) },
      {
        onEntries: (entries, at, head) => this.#take(entries, at, head),
        onSubscribed: (at, head, first) => this.#resumed(at, head, first),
        onGap: (gap) => this.#miss(gap),
        onError: (error) => {
          this.problem = error.message;
          this.#changed("failed");
        },
      },
    );
  }

  #take(entries: EntryObject[], cursor: number, head: number): void {
    const rows = this.#matching(entries);
    this.head = Math.max(this.head, head, cursor);
    this.#tail.append(rows, cursor);
    this.#tail.trimOldest(tailRowCountMax);
    if (!this.#isFollowing) this.newCount += rows.length;
    if (this.isAttached) {
      const hasRoom = this.view.rows.length + rows.length <= viewRowCountMax;
      if (this.#isFollowing || (this.#mayGrow && hasRoom)) this.view.append(rows, cursor);
      else if (rows.length > 0) this.isAttached = false;
      if (this.#isFollowing) this.view.trimOldest(followRowCountMax);
    }
    this.#onChange();
  }

  #resumed(cursor: number, head: number, first: number): void {
    this.first = Math.max(this.first, first);
    if (head - cursor <= catchUpEntryCountMax || this.#subscription === undefined) return;
    if (!this.isFiltered && !this.#isFollowing) this.newCount += head - cursor;
    this.head = Math.max(this.head, head);
    this.#subscription.close();
    this.#tail.reset(head);
    this.isAttached = false;
    this.#subscribe(head);
    if (this.#isFollowing) void this.showTail();
  }

  #miss(gap: Gap): void {
    this.#tail.addGap(gap);
    if (this.isAttached) this.view.addGap(gap);
    this.#onChange();
  }

  /** Joins the view with the newest entries when it has reached them. */
  #attach(): void {
    if (this.view.high < this.#tail.low) return;
    this.view.append(this.#tail.rows, this.#tail.high);
    for (const gap of this.#tail.gaps) this.view.addGap(gap);
    this.isAttached = true;
  }

  #matching(entries: readonly EntryObject[]): ReturnType<typeof rowOf>[] {
    const { fields } = this.filter;
    return (fields.length === 0 ? entries : entries.filter((entry) => hasFields(entry, fields))).map(rowOf);
  }

  #changed(state: FeedState): void {
    this.state = state;
    const reachesFirst = this.view.low === this.first - 1 && this.first > 1;
    if (state === "ready" && reachesFirst) this.view.addGap({ from: 1, to: this.first - 1, reason: "expired" });
    this.#onChange();
  }
}

/**
 * The seq before the oldest entry that a page read backwards has looked at. Fewer entries than asked for may mean that it
 * ended early: only an empty page tells that there are no older ones.
 */
function lowOfPage(page: LogPage): number {
  const first = page.entries[0]?.seq ?? page.gap?.from ?? page.first;
  return first - 1;
}
