/** The log of one session: bar, timeline, list, and what stands around it. */
import { html, nothing, type PropertyValues, render, type TemplateResult } from "lit";
import type { SessionObject } from "../../wire/api.ts";
import type { FeedSource, LogFeed } from "../data/log-feed.ts";
import type { Preferences } from "../data/preferences.ts";
import type { StatsPoll } from "../data/stats-poll.ts";
import { type LogFilter, noFilter } from "../model/filter.ts";
import { compactCount, fullCount } from "../model/format.ts";
import { emit, View } from "./base.ts";
import { copyText } from "./clipboard.ts";
import { icon } from "./icons.ts";
import type { LogBar } from "./log-bar.ts";
import { LogList } from "./log-list.ts";
import { lineOf, linkTo } from "./log-row.ts";

/** The bar and the numbers around the list need no more than ten changes a second. */
const statusDelayMs = 100;

export class LogView extends View {
  static override properties = {
    session: { attribute: false },
    filter: { attribute: false },
    seq: { type: Number },
    preferences: { attribute: false },
    polled: { attribute: false },
    statsRevision: { type: Number },
    isOnline: { type: Boolean },
    status: { state: true },
  };

  declare source: FeedSource;
  declare session: SessionObject;
  declare filter: LogFilter;
  declare seq: number;
  declare preferences: Preferences;
  declare polled: StatsPoll;
  declare statsRevision: number;
  /** Whether new entries can come at all. */
  declare isOnline: boolean;
  /** Grows to draw what stands around the list; its rows are drawn by the list itself. */
  declare status: number;
  /** Absent until the first drawing has made its element. */
  list: LogList | undefined;
  #statusTimer = 0;
  /** The buttons of the row under the pointer; they move from row to row. */
  readonly #actions = document.createElement("div");

  constructor() {
    super();
    this.status = 0;
    this.isOnline = true;
    this.#actions.className = "row-actions";
    this.#actions.setAttribute("role", "gridcell");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.list?.dispose();
  }

  protected override firstUpdated(): void {
    const scroller = this.querySelector<HTMLElement>(".log-scroll")!;
    this.list = new LogList(scroller, this.source, this, {
      changed: () => this.#changed(),
      say: (text) => emit(this, "tr-say", text),
      went: (seq) => emit(this, "tr-go", { seq }),
    });
  }

  protected override updated(changed: PropertyValues<this>): void {
    const { session, filter, seq, preferences } = this;
    this.list?.update({ session, filter, seq, preferences });
    const isOther = changed.has("session") && changed.get("session")?.id !== session.id;
    if (isOther || changed.has("filter")) this.polled.watch(session.id, filter);
  }

  /** Puts the cursor into the search box. */
  focusSearch(): void {
    this.querySelector<LogBar>("tr-log-bar")?.focusSearch();
  }

  /** Follows the live end, or stops. */
  toggleFollow(): void {
    this.list?.setFollowing(!this.list.feed?.isFollowing);
  }

  /** Opens or closes the current entry. */
  toggleCurrent(): void {
    if (this.list !== undefined && this.list.currentSeq > 0) this.list.toggle(this.list.currentSeq);
  }

  /** Copies the current entry's line, or a link to it. */
  copyCurrent(what: "line" | "link"): void {
    if (this.list !== undefined) this.#copy(this.list.currentSeq, what);
  }

  #copy(seq: number, what: "line" | "link"): void {
    const entry = this.list?.entryAt(seq);
    if (entry === undefined) return;
    if (what === "line") void copyText(this, lineOf(entry), "Line");
    else void copyText(this, linkTo(this.session.id, seq), "Link");
  }

  protected override render(): TemplateResult {
    const { time, isWrapped, isTimelineShown, theme } = this.preferences;
    return html`
      ${this.#renderBar()}
      ${
        isTimelineShown && this.polled.isCounted
          ? html`<tr-timeline .stats=${this.polled.stats} .isUtc=${time === "utc"} .heightPx=${64} .theme=${theme}
              @range=${(event: CustomEvent<Partial<LogFilter>>) => emit(this, "tr-filter", { ...this.filter, ...event.detail })}></tr-timeline>`
          : nothing
      }
      <div class="log-frame">
        <div class="log-scroll ${isWrapped ? "wrap" : ""}" tabindex="0" role="grid" aria-label="Log entries" aria-readonly="true"
          aria-rowcount="-1"
          @click=${(event: MouseEvent) => this.#clicked(event)}
          @pointerover=${(event: PointerEvent) => this.#pointed(event.target as HTMLElement)}
          @pointerleave=${() => this.#actions.remove()}>
          <div class="spacer" role="rowgroup"><div class="stage" role="presentation"></div></div>
        </div>
        ${this.list?.feed === undefined ? nothing : this.#renderOver(this.list.feed)}
      </div>
      ${this.list?.feed === undefined ? nothing : this.#renderStatus(this.list.feed)}`;
  }

  #renderBar(): TemplateResult {
    const step = (direction: 1 | -1) => () => void this.list?.stepMatch(direction);
    return html`<tr-log-bar .filter=${this.filter} .stats=${this.polled.stats} .loggers=${this.polled.loggers} .preferences=${this.preferences}
      .isFollowing=${this.list?.feed?.isFollowing ?? true} .searchNote=${this.#searchNote}
      .exportMenu=${html`<tr-export .client=${this.source.client} .session=${this.session} .filter=${this.list?.asked ?? noFilter}></tr-export>`}
      @follow=${() => this.toggleFollow()} @next-match=${step(1)} @previous-match=${step(-1)}></tr-log-bar>`;
  }

  #renderOver(feed: LogFeed): TemplateResult | typeof nothing {
    if (feed.state === "failed") {
      return html`<div class="log-empty" role="alert"><p>${feed.problem}</p><button @click=${() => feed.retry()}>Try again</button></div>`;
    }
    if (feed.view.rows.length === 0 && feed.view.gaps.length === 0)
      return html`<div class="log-empty">${this.#emptyText(feed)}</div>`;
    if (feed.isFollowing || feed.newCount === 0) return nothing;
    const { order } = this.preferences;
    return html`<button class="new-pill ${order}" @click=${() => this.list?.setFollowing(true)}>
      ${icon(order === "oldest" ? "down" : "up")}${compactCount(feed.newCount)} new</button>`;
  }

  #emptyText(feed: LogFeed): TemplateResult {
    if (feed.state === "loading") return html`<p>Loading…</p>`;
    if (feed.hasOlder) return html`<p>Searching… down to entry ${fullCount(feed.view.low)}</p>`;
    if (!feed.isFiltered) return html`<p>No entries yet. New ones appear here by themselves.</p>`;
    return html`<p>Nothing matches.</p><button @click=${() => emit(this, "tr-filter", noFilter)}>Clear the filter</button>`;
  }

  #renderStatus(feed: LogFeed): TemplateResult {
    const seqs = this.list?.visibleSeqs;
    const { matchCount } = this.polled;
    return html`<div class="status">
      <span>${seqs === undefined ? "no entries" : `${fullCount(seqs.low)} – ${fullCount(seqs.high)}`} of ${fullCount(feed.head)}</span>
      ${feed.isFiltered && matchCount !== undefined && feed.filter.fields.length === 0 ? html`<span>${fullCount(matchCount)} match</span>` : nothing}
      <span class="grow"></span>
      <span role="status">${this.#followText(feed)}</span>
    </div>`;
  }

  #followText(feed: LogFeed): string {
    if (this.session.status === "ended") return "Session ended";
    if (!feed.isFollowing) return "Paused";
    return this.isOnline ? "Following" : "Waiting for the server";
  }

  get #searchNote(): string {
    const { matchCount } = this.polled;
    if (this.filter.text === "" || matchCount === undefined) return "";
    return `${compactCount(matchCount)} ${matchCount === 1 ? "match" : "matches"}`;
  }

  /** Puts the buttons into the row under the pointer. */
  #pointed(target: HTMLElement): void {
    const row = target.closest<HTMLElement>(".entry:not(.fold)");
    if (row === null || this.#actions.parentElement === row) return;
    const button = (
      name: "copy" | "link",
      what: "line" | "link",
    ) => html`<button class="quiet small" tabindex="-1" title="Copy the ${what}"
      @click=${(event: Event) => {
        event.stopPropagation();
        this.#copy(Number(row.dataset["seq"]), what);
      }}>${icon(name)}</button>`;
    render(html`${button("copy", "line")}${button("link", "link")}`, this.#actions);
    row.append(this.#actions);
  }

  #changed(): void {
    if (this.#statusTimer !== 0) return;
    this.#statusTimer = window.setTimeout(() => {
      this.#statusTimer = 0;
      this.polled.seen(this.list?.feed?.head ?? 0);
      this.status++;
    }, statusDelayMs);
  }

  /** A click makes an entry current; on its marker, or when it is open already, it also opens or closes it. */
  #clicked(event: MouseEvent): void {
    const { list } = this;
    const target = event.target as HTMLElement;
    const marker = target.closest<HTMLElement>(".marker");
    if (list === undefined) return;
    const seq = Number(target.closest<HTMLElement>(".entry")?.dataset["seq"] ?? 0);
    if (seq === 0 || target.closest(".detail") !== null || !window.getSelection()?.isCollapsed) return;
    list.select(seq);
    if (marker?.dataset["trace"] !== undefined && marker.ariaExpanded === "true") list.fold(seq);
    else if (marker !== null || list.isOpen(seq)) list.toggle(seq);
  }
}
