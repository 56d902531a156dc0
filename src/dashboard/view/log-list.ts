/** The list of a log: what is loaded, drawn, open and current in it, and every way to move through it. */
import type { EntryObject, SessionObject } from "../../wire/api.ts";
import { type FeedSource, LogFeed } from "../data/log-feed.ts";
import type { Preferences } from "../data/preferences.ts";
import { isSameFilter, type LogFilter, serverFilterOf } from "../model/filter.ts";
import { holdsSeq, type Row, rowsOf, seqRangeOf, traceAround } from "../model/rows.ts";
import type { Place } from "../model/scroll-map.ts";
import { EntryDetail } from "./entry-detail.ts";
import { LogColumns } from "./log-columns.ts";
import { createRow, fillRow, type RowLook, rowElementId } from "./log-row.ts";
import { type ListContent, type Pin, VirtualList } from "./virtual-list.ts";

/** Height of a row of one line; the style sheet has the same. */
const rowSizePx = 22;

/** What the list shows. */
export interface LogInput {
  readonly session: SessionObject;
  /** As the reader set it, text included. */
  readonly filter: LogFilter;
  /** Entry to show, 0 for the live end. */
  readonly seq: number;
  readonly preferences: Preferences;
}

export interface LogListEvents {
  /** Something around the list may have to be drawn anew. */
  changed(): void;
  say(text: string): void;
  /** The reader went to an entry; 0 is the live end. */
  went(seq: number): void;
}

export class LogList {
  feed: LogFeed | undefined;
  currentSeq = 0;
  rows: Row[] = [];
  #input: LogInput;
  readonly #source: FeedSource;
  readonly #events: LogListEvents;
  readonly #scroller: HTMLElement;
  readonly #list: VirtualList<Row>;
  /** Entries whose details are shown, and stack traces that are unfolded. */
  readonly #open = new Map<number, EntryDetail>();
  readonly #unfolded = new Set<number>();
  #pin: (() => Pin | undefined) | undefined;
  readonly #columns: LogColumns;
  #shown: { low: number; high: number } | undefined;
  #stepping = Promise.resolve();

  constructor(scroller: HTMLElement, source: FeedSource, input: LogInput, events: LogListEvents) {
    this.#scroller = scroller;
    this.#source = source;
    this.#input = input;
    this.#events = events;
    this.#columns = new LogColumns(scroller);
    this.#list = new VirtualList<Row>(scroller, rowSizePx, {
      content: () => this.#content(),
      create: createRow,
      fill: (element, row) => fillRow(element, row, this.#look),
      needBefore: () => void (this.#isOldestFirst ? this.feed?.loadOlder() : this.feed?.loadNewer()),
      needAfter: () => void (this.#isOldestFirst ? this.feed?.loadNewer() : this.feed?.loadOlder()),
      jump: (place) => void this.#jump(place),
      scrolled: () => this.#scrolled(),
      placed: () => this.#placed(),
    });
    scroller.addEventListener("wheel", (event) => this.#pauseTowards(event.deltaY), { passive: true });
    scroller.addEventListener("touchmove", () => this.setFollowing(false), { passive: true });
    this.#reopen(input.seq);
  }

  dispose(): void {
    this.feed?.close();
    this.#list.dispose();
  }

  /** The filter as the server is asked: a text that is only marked does not narrow. */
  get asked(): LogFilter {
    return askedOf(this.#input);
  }

  /** Seqs of the first and last visible entry, or undefined when there is none. */
  get visibleSeqs(): { low: number; high: number } | undefined {
    const range = this.#list.visibleRange();
    if (range === undefined) return undefined;
    const shown = this.rows.slice(range.first, range.last + 1).filter((row) => row.kind !== "gap");
    const seqs = shown.map(seqRangeOf).flatMap(({ low, high }) => [low, high]);
    return seqs.length === 0 ? undefined : { low: Math.min(...seqs), high: Math.max(...seqs) };
  }

  /** Shows something else, or the same in another way. */
  update(input: LogInput): void {
    const before = this.#input;
    this.#input = input;
    const isOther = before.session.id !== input.session.id;
    if (isOther) this.#reopen(input.seq);
    else if (!isSameFilter(askedOf(before), askedOf(input))) this.#reopen(input.seq !== before.seq ? input.seq : this.#keptSeq());
    else if (input.seq !== before.seq && input.seq > 0 && input.seq !== this.currentSeq) void this.show(input.seq);
    if (before.preferences !== input.preferences) this.#restyle(before.preferences);
    else if (before.filter !== input.filter) this.#list.refresh(false);
  }

  /** Follows the live end, or stands still. */
  setFollowing(isFollowing: boolean): void {
    if (this.feed === undefined || this.feed.isFollowing === isFollowing) return;
    this.feed.setFollowing(isFollowing, this.#isOldestFirst);
    if (isFollowing) this.#events.went(0);
    this.#changed();
  }

  /** Shows the entry `seq` with what is around it; a trace that hides it is unfolded, unless it may stay folded. */
  async show(seq: number, mayBeFolded = false): Promise<void> {
    this.setFollowing(false);
    this.currentSeq = seq;
    if (!mayBeFolded) this.#unfolded.add(seq);
    const isLoaded = this.rows.some((row) => holdsSeq(row, seq)) && this.feed?.state === "ready";
    if (!isLoaded) await this.feed?.showAt(seq);
    this.#goTo(() => this.#pinTo(seq, "center"));
    await this.#list.drawn();
  }

  /** Moves the current entry by one row. */
  stepRow(step: 1 | -1): void {
    const range = this.#list.visibleRange();
    if (range === undefined) return;
    let index = this.rows.findIndex((row) => holdsSeq(row, this.currentSeq));
    if (index < range.first - 1 || index > range.last + 1) index = step > 0 ? range.first - 1 : range.last + 1;
    do index += step;
    while (this.rows[index]?.kind === "gap");
    const row = this.rows[index];
    if (row === undefined) return;
    const { low } = seqRangeOf(row);
    this.#select(low);
    this.#goTo(() => this.#pinTo(low, "near"));
  }

  /** Scrolls by a screen. */
  stepPage(step: 1 | -1): void {
    this.#pauseTowards(step);
    this.#scroller.scrollBy({ top: step * (this.#list.viewSizePx - 2 * rowSizePx) });
  }

  /** Goes to the top or the bottom of the list. */
  async goToEnd(end: "top" | "bottom"): Promise<void> {
    if ((end === "bottom") === this.#isOldestFirst) {
      this.setFollowing(true);
      return;
    }
    this.setFollowing(false);
    await this.feed?.showFirst();
    this.#goTo(() => ({ to: end === "top" ? "start" : "end" }));
  }

  /** Goes to the next (1) or previous (-1) entry, in the list's order, that matches the search. */
  async stepMatch(step: 1 | -1): Promise<void> {
    const { filter, preferences } = this.#input;
    if (preferences.search === "highlight" && filter.text !== "") await this.#stepTo(step, { q: filter.text }, "match");
    else this.stepRow(step);
  }

  /** Goes to the next or previous error. */
  async stepError(step: 1 | -1): Promise<void> {
    await this.#stepTo(step, { level: this.asked.level === "critical" ? "critical" : "error" }, "error");
  }

  /** Makes an entry the current one; the list stands still from then on. */
  select(seq: number): void {
    this.#select(seq);
    this.#list.refresh(false);
    this.#changed();
  }

  /** Opens or closes the details of an entry, or unfolds the trace that hides it. */
  toggle(seq: number): void {
    if (this.#isFolded(seq)) this.#unfolded.add(seq);
    else if (!this.#open.delete(seq)) void this.#reveal(seq, new EntryDetail());
    this.#restand();
  }

  /** Opens the details of an entry, and shows the whole of them. */
  async #reveal(seq: number, detail: EntryDetail): Promise<void> {
    this.#open.set(seq, detail);
    await this.#list.drawn();
    await detail.updateComplete;
    if (this.#open.get(seq) === detail) this.#goTo(() => this.#pinTo(seq, "near"));
  }

  /** Opens the current entry, or closes it: with nothing to close, the stack trace that it stands in. */
  setOpen(isOpen: boolean): void {
    if (this.currentSeq === 0) return;
    if (isOpen !== this.isOpen(this.currentSeq)) this.toggle(this.currentSeq);
    else if (!isOpen) this.fold(this.currentSeq);
  }

  isOpen(seq: number): boolean {
    return this.#open.has(seq);
  }

  /** Hides the frames of the stack trace that holds `seq`. */
  fold(seq: number): void {
    const { low, high } = traceAround(this.feed?.view.rows ?? [], seq);
    for (let frame = low; frame <= high; frame++) this.#unfolded.delete(frame);
    this.#restand();
  }

  /** Returns the entry `seq`, if it is loaded. */
  entryAt(seq: number): EntryObject | undefined {
    const rows = this.feed?.view.rows ?? [];
    const row = rows[this.feed?.view.indexOf(seq) ?? 0];
    return row?.key === seq ? row.entry : undefined;
  }

  #isFolded(seq: number): boolean {
    return this.rows.some((row) => row.kind === "fold" && holdsSeq(row, seq));
  }

  /** Draws rows that became other rows; what is read stays where it is. */
  #restand(): void {
    this.setFollowing(false);
    this.#list.refresh(false);
    this.#changed();
  }

  get #isOldestFirst(): boolean {
    return this.#input.preferences.order === "oldest";
  }

  get #look(): RowLook {
    const { session, filter, preferences } = this.#input;
    const { time, isWrapped } = preferences;
    return {
      time,
      isWrapped,
      originMs: Date.parse(session.created_at),
      withDate: this.#columns.hasDate,
      marked: filter.text,
      currentSeq: this.currentSeq,
      detailOf: ({ entry }) => {
        const detail = this.#open.get(entry.seq);
        const { client } = this.#source;
        return detail && Object.assign(detail, { client, entry, session: session.id, filter, time });
      },
    };
  }

  /** The entry that stays current when the filter changes: none while following. */
  #keptSeq(): number {
    return this.feed?.isFollowing ? 0 : this.currentSeq;
  }

  #reopen(seq: number): void {
    this.feed?.close();
    this.#open.clear();
    this.#unfolded.clear();
    this.currentSeq = seq;
    this.#columns.reset();
    this.feed = new LogFeed(this.#source, this.#input.session.id, this.asked, () => this.#changed());
    if (seq > 0) void this.show(seq);
    else void this.feed.showTail();
    this.#changed();
  }

  #changed(): void {
    this.#list.invalidate();
    this.#events.changed();
  }

  #goTo(pin: () => Pin | undefined): void {
    this.#pin = pin;
    this.#list.refresh(false);
    this.#changed();
  }

  #select(seq: number): void {
    this.setFollowing(false);
    this.currentSeq = seq;
    // Screen readers tell the current row of the list that has the focus.
    this.#scroller.focus({ preventScroll: true });
    this.#events.went(seq);
  }

  #content(): ListContent<Row> & { pin?: Pin | undefined } {
    const { feed } = this;
    if (feed === undefined || feed.state === "loading") return { rows: this.rows, before: 0, after: 0 };
    this.rows = rowsOf(feed.view, this.#input.preferences.order, this.#unfolded);
    if (this.#columns.fit(feed.view.rows, this.#input.preferences.time)) this.#list.refresh(false);
    const { older, newer } = feed.estimateOutside();
    const [before, after] = this.#isOldestFirst ? [older, newer] : [newer, older];
    return { rows: this.rows, before, after, pin: this.#takePin(feed) };
  }

  #takePin(feed: LogFeed): Pin | undefined {
    if (feed.isFollowing && feed.isAttached) return { to: this.#isOldestFirst ? "end" : "start" };
    if (this.#pin === undefined || this.rows.length === 0) return undefined;
    const pin = this.#pin();
    this.#pin = undefined;
    return pin;
  }

  /** Reaching the live end resumes following, leaving it pauses. */
  #scrolled(): void {
    if (this.feed === undefined) return;
    const isAtLiveEnd = this.#list.isAt(this.#isOldestFirst ? "end" : "start") && this.feed.isAttached;
    this.setFollowing(isAtLiveEnd);
    this.#events.changed();
  }

  /** Tells what is around the list when other entries are in view, and screen readers which row is current. */
  #placed(): void {
    const seqs = this.visibleSeqs;
    if (seqs?.low !== this.#shown?.low || seqs?.high !== this.#shown?.high) this.#events.changed();
    this.#shown = seqs;
    const id = rowElementId(this.currentSeq);
    const row = this.currentSeq === 0 ? null : document.getElementById(id);
    if (row === null || row.hidden) this.#scroller.removeAttribute("aria-activedescendant");
    else this.#scroller.setAttribute("aria-activedescendant", id);
  }

  #pauseTowards(direction: number): void {
    if (this.#isOldestFirst ? direction < 0 : direction > 0) this.setFollowing(false);
  }

  #pinTo(seq: number, align: "center" | "near" | "here"): Pin | undefined {
    const index = this.rows.findIndex((row) => {
      const { low, high } = seqRangeOf(row);
      return this.#isOldestFirst ? high >= seq : low <= seq;
    });
    return { to: "row", index: index < 0 ? this.rows.length - 1 : index, align };
  }

  async #jump(place: Place): Promise<void> {
    const { feed } = this;
    if (feed === undefined) return;
    const isOlder = (place.side === "before") === this.#isOldestFirst;
    const { low, high } = feed.view;
    const older = feed.first + place.fraction * (low - feed.first);
    const newer = feed.head - place.fraction * (feed.head - high);
    const seq = Math.max(feed.first, Math.min(feed.head, Math.round(isOlder ? older : newer)));
    this.setFollowing(false);
    await feed.showAt(seq);
    this.#goTo(() => this.#pinTo(seq, "here"));
  }

  /** Steps one after the other: each goes on from where the last one came to. */
  #stepTo(step: 1 | -1, narrower: { q?: string; level?: string }, what: string): Promise<void> {
    this.#stepping = this.#stepping.then(() => this.#stepOnce(step, narrower, what));
    return this.#stepping;
  }

  /** Steps start at the current entry while it is in view, else at the edge of the view. */
  #stepFrom(isNewer: boolean): { cursor: number } | { before: number } {
    const seqs = this.visibleSeqs;
    const isInView = seqs === undefined || (seqs.low <= this.currentSeq && this.currentSeq <= seqs.high);
    if (!isInView) return isNewer ? { cursor: seqs.low - 1 } : { before: seqs.high + 1 };
    const fold = this.rows.find((row) => row.kind === "fold" && holdsSeq(row, this.currentSeq));
    const { low, high } = fold === undefined ? { low: this.currentSeq, high: this.currentSeq } : seqRangeOf(fold);
    return isNewer ? { cursor: high } : { before: low };
  }

  async #stepOnce(step: 1 | -1, narrower: { q?: string; level?: string }, what: string): Promise<void> {
    const isNewer = (step === 1) === this.#isOldestFirst;
    const place = this.#stepFrom(isNewer);
    try {
      const query = { ...serverFilterOf(this.asked), ...narrower, ...place, limit: 1 };
      const page = await this.#source.client.readPage(this.#input.session.id, query);
      const entry = page.entries[0];
      if (entry === undefined) this.#events.say(`No ${isNewer ? "newer" : "older"} ${what}`);
      else {
        this.#select(entry.seq);
        await this.show(entry.seq, what === "error");
      }
    } catch (error) {
      this.#events.say(error instanceof Error ? error.message : String(error));
    }
  }

  #middleSeq(): number {
    const range = this.#list.visibleRange();
    const row = range === undefined ? undefined : this.rows[Math.floor((range.first + range.last) / 2)];
    return row === undefined ? 0 : seqRangeOf(row).low;
  }

  #restyle(before: Preferences): void {
    const { order, isWrapped } = this.#input.preferences;
    if (before.order !== order && !this.feed?.isFollowing) {
      const seq = this.#middleSeq();
      this.#pin = () => this.#pinTo(seq, "center");
    }
    this.#list.refresh(before.isWrapped !== isWrapped);
    this.#changed();
  }
}

function askedOf({ filter, preferences }: LogInput): LogFilter {
  return preferences.search === "highlight" ? { ...filter, text: "" } : filter;
}
