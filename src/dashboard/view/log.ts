/** The log of one session: bar, timeline, list and what the keyboard does in it. */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { SessionObject } from "../../wire/api.ts";
import { type FeedSource, LogFeed } from "../data/log-feed.ts";
import type { Preferences } from "../data/preferences.ts";
import type { StatsPoll } from "../data/stats-poll.ts";
import { isSameFilter, type LogFilter, noFilter, serverFilterOf } from "../model/filter.ts";
import { compactCount, dayOf, fullCount } from "../model/format.ts";
import { holdsSeq, type Row, rowsOf } from "../model/rows.ts";
import type { EntryRow } from "../model/run.ts";
import type { Place } from "../model/scroll-map.ts";
import { emit, View } from "./base.ts";
import { copyText } from "./clipboard.ts";
import { EntryDetail } from "./entry-detail.ts";
import { icon } from "./icons.ts";
import type { LogBar } from "./log-bar.ts";
import { createRow, fillRow, lineOf, rowElementId } from "./log-row.ts";
import { type ListContent, type Pin, VirtualList } from "./virtual-list.ts";

/** Height of a row of one line; the style sheet has the same. */
const rowSizePx = 22;

export class LogView extends View {
  static override properties = {
    session: { attribute: false },
    filter: { attribute: false },
    seq: { type: Number },
    preferences: { attribute: false },
    polled: { attribute: false },
    statsRevision: { type: Number },
    status: { state: true },
  };

  declare source: FeedSource;
  declare session: SessionObject;
  declare filter: LogFilter;
  /** Entry to show, 0 for the live end. */
  declare seq: number;
  declare preferences: Preferences;
  declare polled: StatsPoll;
  declare statsRevision: number;
  /** Redraws what stands around the list; rows are drawn by the list itself. */
  declare status: number;

  #feed: LogFeed | undefined;
  #list: VirtualList<Row> | undefined;
  #rows: Row[] = [];
  #pin: (() => Pin | undefined) | undefined;
  #currentSeq = 0;
  readonly #open = new Set<number>();
  readonly #unfolded = new Set<number>();
  readonly #details = new Map<number, EntryDetail>();
  #statusTimer = 0;
  #loggerWidth = 0;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#feed?.close();
    this.#list?.dispose();
    this.#list = undefined;
  }

  protected override firstUpdated(): void {
    const scroller = this.querySelector<HTMLElement>(".log-scroll")!;
    this.#list = new VirtualList<Row>(scroller, rowSizePx, {
      content: () => this.#content(),
      create: createRow,
      fill: (element, row) => fillRow(element, row, this.#look),
      needBefore: () => void (this.#isOldestFirst ? this.#feed?.loadOlder() : this.#feed?.loadNewer()),
      needAfter: () => void (this.#isOldestFirst ? this.#feed?.loadNewer() : this.#feed?.loadOlder()),
      jump: (place) => this.#jump(place),
      placed: (isUser) => this.#placed(isUser),
    });
    const pause = () => this.#setFollowing(false);
    scroller.addEventListener("wheel", (event) => this.#isAwayFromLive(event.deltaY) && pause(), { passive: true });
    scroller.addEventListener("touchmove", pause, { passive: true });
    this.#reopen();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (this.#list === undefined) return;
    const before = changed.get("session");
    const isOther = changed.has("session") && before?.id !== this.session.id;
    const isNarrowed = changed.has("filter") && !isSameFilter(changed.get("filter") ?? noFilter, this.filter);
    const isReread =
      changed.has("preferences") &&
      this.#isMarking !== (changed.get("preferences")?.search === "highlight") &&
      this.filter.text !== "";
    if (this.#feed !== undefined && (isOther || isNarrowed || isReread)) this.#reopen();
    else if (changed.has("seq") && this.seq > 0 && this.seq !== this.#currentSeq) this.#show(this.seq);
    if (changed.has("preferences")) this.#restyle(changed.get("preferences"));
    if (changed.has("filter") || changed.has("preferences")) this.#list.refresh(false);
  }

  protected override render(): TemplateResult {
    const { time, isWrapped, isTimelineShown } = this.preferences;
    const feed = this.#feed;
    return html`
      <tr-log-bar .filter=${this.filter} .stats=${this.polled.stats} .loggers=${this.polled.loggers} .preferences=${this.preferences}
        .isFollowing=${feed?.isFollowing ?? true} .searchNote=${this.#searchNote} .exportMenu=${this.#renderExport()}
        @follow=${() => this.toggleFollow()} @next-match=${() => void this.stepMatch(1)} @previous-match=${() => void this.stepMatch(-1)}></tr-log-bar>
      ${
        isTimelineShown && this.polled.stats !== undefined
          ? html`<tr-timeline .stats=${this.polled.stats} .isUtc=${time === "utc"} .heightPx=${64} .theme=${this.preferences.theme}
              @range=${(event: CustomEvent<Partial<LogFilter>>) => emit(this, "tr-filter", { ...this.filter, ...event.detail })}></tr-timeline>`
          : nothing
      }
      <div class="log-frame">
        <div class="log-scroll ${isWrapped ? "wrap" : ""}" tabindex="0" role="grid" aria-label="Log entries" aria-readonly="true"
          aria-rowcount="-1" aria-activedescendant=${this.#currentSeq > 0 ? rowElementId(this.#currentSeq) : nothing}
          @click=${(event: MouseEvent) => this.#clicked(event)}>
          <div class="spacer" role="rowgroup"><div class="stage" role="presentation"></div></div>
        </div>
        ${this.#renderOver()}
      </div>
      ${this.#renderStatus()}`;
  }

  #renderExport(): TemplateResult {
    return html`<tr-export .client=${this.source.client} .session=${this.session} .filter=${this.#asked}></tr-export>`;
  }

  #renderOver(): TemplateResult | typeof nothing {
    const feed = this.#feed;
    if (feed === undefined) return nothing;
    if (feed.state === "failed") {
      return html`<div class="log-empty" role="alert"><p>${feed.problem}</p><button @click=${() => feed.retry()}>Try again</button></div>`;
    }
    if (this.#rows.length === 0) return html`<div class="log-empty">${this.#emptyText(feed)}</div>`;
    if (feed.isFollowing || feed.newCount === 0) return nothing;
    const count = `${compactCount(feed.newCount)} new`;
    return html`<button class="new-pill ${this.preferences.order}" @click=${() => this.#setFollowing(true)}>${icon(this.#isOldestFirst ? "down" : "up")}${count}</button>`;
  }

  #emptyText(feed: LogFeed): TemplateResult {
    if (feed.state === "loading") return html`<p>Loading…</p>`;
    if (feed.hasOlder) return html`<p>Searching… down to entry ${fullCount(feed.view.low)}</p>`;
    if (feed.isFiltered)
      return html`<p>Nothing matches.</p><button @click=${() => emit(this, "tr-filter", noFilter)}>Clear the filter</button>`;
    return html`<p>No entries yet. New ones appear here by themselves.</p>`;
  }

  #renderStatus(): TemplateResult {
    const feed = this.#feed;
    if (feed === undefined) return html`<div class="status"></div>`;
    const range = this.#list?.visibleRange();
    const shown = range === undefined ? [] : this.#rows.slice(range.first, range.last + 1).filter((row) => row.kind === "entry");
    const seqs = shown.map((row) => row.key as number);
    const low = Math.min(...seqs);
    const high = Math.max(...seqs);
    return html`<div class="status">
      <span>${seqs.length === 0 ? "no entries" : `${fullCount(low)} – ${fullCount(high)}`} of ${fullCount(feed.head)}</span>
      ${feed.isFiltered && this.polled.matchCount !== undefined && feed.filter.fields.length === 0 ? html`<span>${fullCount(this.polled.matchCount)} match</span>` : nothing}
      <span class="grow"></span>
      <span role="status">${this.#followText(feed)}</span>
    </div>`;
  }

  #followText(feed: LogFeed): string {
    if (feed.endReason !== undefined || this.session.status === "ended") return "Session ended";
    return feed.isFollowing ? "Following" : "Paused";
  }

  get #isOldestFirst(): boolean {
    return this.preferences.order === "oldest";
  }

  get #isMarking(): boolean {
    return this.preferences.search === "highlight";
  }

  /** The filter as the feed is asked for it: a text that is only marked does not narrow. */
  get #asked(): LogFilter {
    return this.#isMarking ? { ...this.filter, text: "" } : this.filter;
  }

  get #searchNote(): string {
    const { text } = this.filter;
    if (text === "" || this.polled.matchCount === undefined) return "";
    return `${compactCount(this.polled.matchCount)} ${this.polled.matchCount === 1 ? "match" : "matches"}`;
  }

  get #look() {
    const { time, isWrapped } = this.preferences;
    const client = this.source.client;
    return {
      time,
      isWrapped,
      originMs: Date.parse(this.session.created_at),
      withDate: time !== "relative" && dayOf(this.session.created_at, time) !== dayOf(new Date().toISOString(), time),
      marked: this.filter.text,
      currentSeq: this.#currentSeq,
      isOpen: (seq: number) => this.#open.has(seq),
      detailOf: ({ entry }: EntryRow) => {
        const detail = this.#details.get(entry.seq) ?? new EntryDetail();
        this.#details.set(entry.seq, detail);
        Object.assign(detail, { client, entry, session: this.session.id, filter: this.filter, time });
        return detail;
      },
    };
  }

  #reopen(): void {
    this.#feed?.close();
    const keepSeq = this.#feed?.session === this.session.id && !(this.#feed?.isFollowing ?? true) ? this.#currentSeq : 0;
    const seq = this.seq > 0 && this.#feed?.session !== this.session.id ? this.seq : keepSeq;
    this.#open.clear();
    this.#details.clear();
    this.#unfolded.clear();
    this.#currentSeq = seq;
    this.#feed = new LogFeed(this.source, this.session.id, this.#asked, () => this.#changed());
    this.polled.watch(this.session.id, this.filter);
    if (seq > 0) this.#show(seq);
    else void this.#feed.showTail();
    this.#changed();
  }

  /** The feed has news. */
  #changed(): void {
    this.#list?.invalidate();
    if (this.#statusTimer !== 0) return;
    // The bar and the numbers around the list need no more than ten changes a second.
    this.#statusTimer = window.setTimeout(() => {
      this.#statusTimer = 0;
      this.polled.seen(this.#feed?.head ?? 0);
      this.status = (this.status ?? 0) + 1;
    }, 100);
  }

  #content(): ListContent<Row> & { pin?: Pin | undefined } {
    const feed = this.#feed;
    if (feed === undefined || feed.state === "loading") return { rows: this.#rows, before: 0, after: 0 };
    this.#rows = rowsOf(feed.view, this.preferences.order, this.#unfolded);
    this.#fitLogger(feed);
    const { older, newer } = feed.estimateOutside();
    const [before, after] = this.#isOldestFirst ? [older, newer] : [newer, older];
    return { rows: this.#rows, before, after, pin: this.#takePin(feed) };
  }

  #takePin(feed: LogFeed): Pin | undefined {
    if (feed.isFollowing && feed.isAttached) return { to: this.#isOldestFirst ? "end" : "start" };
    if (this.#pin === undefined || this.#rows.length === 0) return undefined;
    const pin = this.#pin();
    this.#pin = undefined;
    return pin;
  }

  #placed(isUser: boolean): void {
    const feed = this.#feed;
    if (feed === undefined || !isUser) return;
    const isAtLive = this.#list!.isAt(this.#isOldestFirst ? "end" : "start") && feed.isAttached;
    if (feed.isFollowing !== isAtLive) this.#setFollowing(isAtLive);
    else this.#changedStatus();
  }

  #changedStatus(): void {
    if (this.#statusTimer === 0) this.#changed();
  }

  #isAwayFromLive(deltaY: number): boolean {
    return this.#isOldestFirst ? deltaY < 0 : deltaY > 0;
  }

  #setFollowing(isFollowing: boolean): void {
    if (this.#feed === undefined || this.#feed.isFollowing === isFollowing) return;
    this.#feed.setFollowing(isFollowing, this.#isOldestFirst);
    if (isFollowing && this.seq > 0) emit(this, "tr-go", { seq: 0 });
    this.#changed();
  }

  /** Follows the live end, or stops. */
  toggleFollow(): void {
    this.#setFollowing(!(this.#feed?.isFollowing ?? false));
  }

  /** Shows the entry `seq` with what is around it. */
  #show(seq: number): void {
    const feed = this.#feed!;
    this.#setFollowing(false);
    this.#currentSeq = seq;
    const index = this.#rows.findIndex((row) => holdsSeq(row, seq));
    this.#pin = () => this.#pinTo(seq, "center");
    if (index >= 0 && feed.state === "ready") this.#list!.refresh(false);
    else void feed.showAt(seq).then(() => this.#list?.refresh(false));
  }

  #pinTo(seq: number, align: "center" | "near" | "here"): Pin | undefined {
    const index = this.#rows.findIndex((row) => (this.#isOldestFirst ? lastSeqOf(row) >= seq : firstSeqOf(row) <= seq));
    if (this.#rows.length === 0) return undefined;
    return { to: "row", index: index < 0 ? this.#rows.length - 1 : index, align };
  }

  #jump(place: Place): void {
    const feed = this.#feed;
    if (feed === undefined) return;
    const isOlder = (place.side === "before") === this.#isOldestFirst;
    const { low, high } = feed.view;
    const seq = isOlder
      ? Math.round(feed.first + place.fraction * (low - feed.first))
      : Math.round(feed.head - place.fraction * (feed.head - high));
    this.#setFollowing(false);
    void feed.showAt(Math.max(feed.first, Math.min(feed.head, seq))).then(() => {
      this.#pin = () => this.#pinTo(seq, "here");
      this.#list?.invalidate();
    });
  }

  /** Moves the current entry by `step` rows. */
  stepRow(step: number): void {
    const range = this.#list?.visibleRange();
    if (range === undefined) return;
    let index = this.#rows.findIndex((row) => holdsSeq(row, this.#currentSeq));
    if (index < range.first - 1 || index > range.last + 1) index = step > 0 ? range.first - 1 : range.last + 1;
    for (let at = index + step; at >= 0 && at < this.#rows.length; at += step) {
      const row = this.#rows[at]!;
      if (row.kind !== "entry") continue;
      this.#select(row.key, "near");
      return;
    }
  }

  /** Scrolls by a screen. */
  stepPage(step: 1 | -1): void {
    if (this.#isAwayFromLive(step)) this.#setFollowing(false);
    this.querySelector(".log-scroll")?.scrollBy({ top: step * (this.#list!.viewSizePx - 2 * rowSizePx) });
  }

  #select(seq: number, align: "near" | "center"): void {
    this.#setFollowing(false);
    // Screen readers tell the current row of the list that has the focus.
    this.querySelector<HTMLElement>(".log-scroll")?.focus({ preventScroll: true });
    this.#currentSeq = seq;
    this.#pin = () => this.#pinTo(seq, align);
    this.#list?.refresh(false);
    this.#changed();
  }

  /** Goes to the top or the bottom of the list. */
  async goTo(end: "top" | "bottom"): Promise<void> {
    const feed = this.#feed;
    if (feed === undefined) return;
    if ((end === "bottom") === this.#isOldestFirst) {
      this.#setFollowing(true);
      return;
    }
    this.#setFollowing(false);
    await feed.showFirst();
    this.#pin = () => ({ to: this.#isOldestFirst ? "start" : "end" });
    this.#list?.invalidate();
  }

  /** Goes to the next (1) or previous (-1) entry in the list's order that matches the search. */
  async stepMatch(step: 1 | -1): Promise<void> {
    if (this.#isMarking && this.filter.text !== "") await this.#stepTo(step, { q: this.filter.text });
    else this.stepRow(step);
  }

  /** Goes to the next or previous error. */
  async stepError(step: 1 | -1): Promise<void> {
    await this.#stepTo(step, { level: this.filter.level === "critical" ? "critical" : "error" });
  }

  async #stepTo(step: 1 | -1, narrower: { q?: string; level?: string }): Promise<void> {
    const isNewer = (step === 1) === this.#isOldestFirst;
    const from = this.#currentSeq > 0 ? this.#currentSeq : this.#middleSeq();
    const place = isNewer ? { cursor: from } : { before: from };
    try {
      const query = { ...serverFilterOf(this.#asked), ...narrower, ...place, limit: 1 };
      const page = await this.source.client.readPage(this.session.id, query);
      const entry = page.entries[0];
      if (entry === undefined)
        emit(this, "tr-say", `No ${isNewer ? "newer" : "older"} ${narrower.q === undefined ? "error" : "match"}`);
      else this.#show(entry.seq);
    } catch (error) {
      emit(this, "tr-say", error instanceof Error ? error.message : String(error));
    }
    this.#changed();
  }

  #middleSeq(): number {
    const range = this.#list?.visibleRange();
    const row = range === undefined ? undefined : this.#rows[Math.floor((range.first + range.last) / 2)];
    return row === undefined ? 0 : firstSeqOf(row);
  }

  /** Opens or closes the current entry. */
  toggleCurrent(): void {
    if (this.#currentSeq > 0) this.#toggle(this.#currentSeq);
  }

  /** Copies the current entry's line, or a link to it. */
  copyCurrent(what: "line" | "link"): void {
    const row = this.#rows.find((candidate) => candidate.key === this.#currentSeq);
    if (row?.kind !== "entry") return;
    if (what === "line") void copyText(this, lineOf(row.entry), "Line");
    else void copyText(this, new URL(`#s=${this.session.id}&c=${row.key}`, location.href).href, "Link");
  }

  focusSearch(): void {
    this.querySelector<LogBar>("tr-log-bar")?.focusSearch();
  }

  #toggle(seq: number): void {
    if (!this.#open.delete(seq)) this.#open.add(seq);
    if (!this.#open.has(seq)) this.#details.delete(seq);
    this.#setFollowing(false);
    this.#list?.refresh(false);
  }

  #clicked(event: MouseEvent): void {
    const target = event.target as HTMLElement;
    const marker = target.closest<HTMLElement>(".marker");
    const unfold = marker?.dataset["unfold"];
    if (unfold !== undefined) {
      this.#unfolded.add(Number(unfold));
      this.#setFollowing(false);
      this.#changed();
      return;
    }
    const seq = Number(target.closest<HTMLElement>(".entry")?.dataset["seq"] ?? 0);
    if (seq === 0 || target.closest(".detail") !== null || !window.getSelection()?.isCollapsed) return;
    this.#currentSeq = seq;
    emit(this, "tr-go", { seq });
    if (marker === null && !this.#open.has(seq)) {
      this.#setFollowing(false);
      this.#list?.refresh(false);
      this.#changed();
    } else this.#toggle(seq);
  }

  #restyle(before: Preferences | undefined): void {
    const isTaller = before?.isWrapped !== this.preferences.isWrapped;
    if (before !== undefined && before.order !== this.preferences.order) {
      const seq = this.#middleSeq();
      if (!this.#feed?.isFollowing) this.#pin = () => this.#pinTo(seq, "center");
    }
    this.#list?.refresh(isTaller);
    this.#changed();
  }

  /** Makes the logger column as wide as its names, within bounds. */
  #fitLogger(feed: LogFeed): void {
    let width = 0;
    const { rows } = feed.view;
    for (let index = Math.max(0, rows.length - 200); index < rows.length; index++)
      width = Math.max(width, rows[index]!.entry.logger?.length ?? 0);
    const next = Math.max(this.#loggerWidth, Math.min(width, 24));
    if (next === this.#loggerWidth) return;
    this.#loggerWidth = next;
    this.querySelector<HTMLElement>(".log-scroll")!.style.setProperty("--logger-width", `${next}ch`);
  }
}

function firstSeqOf(row: Row): number {
  if (row.kind === "entry") return row.key;
  return row.kind === "gap" ? row.gap.from : row.seqFirst;
}

function lastSeqOf(row: Row): number {
  if (row.kind === "entry") return row.key;
  return row.kind === "gap" ? row.gap.to : row.seqLast;
}
