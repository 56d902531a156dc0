/** The table of sessions: search, sort, pages, children under their parents, live. */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { SessionObject } from "../../wire/api.ts";
import {
  agoText,
  compactCount,
  dateTimeText,
  durationText,
  fullCount,
  fullTime,
  sizeText,
  type TimeMode,
} from "../model/format.ts";
import { platformOf } from "../model/platform.ts";
import { pageIndexOf, pageOf, type SessionPage, type SessionRow, type SessionView, type SortKey } from "../model/session-tree.ts";
import { visibleText } from "../model/visible-text.ts";
import { emit, View } from "./base.ts";
import { icon, platformIcon } from "./icons.ts";

const columns: readonly { readonly key: SortKey; readonly title: string; readonly className: string }[] = [
  { key: "app", title: "Session", className: "name" },
  { key: "platform", title: "Platform", className: "platform" },
  { key: "head", title: "Entries", className: "number" },
  { key: "bytes", title: "Size", className: "number size" },
  { key: "created", title: "Created", className: "time" },
  { key: "updated", title: "Last activity", className: "time activity" },
];

const pageSizes = [25, 50, 100, 250] as const;

export class SessionTable extends View {
  static override properties = {
    sessions: { attribute: false },
    revision: { type: Number },
    selfId: { type: String },
    selectedId: { type: String },
    isKnown: { type: Boolean },
    nowMs: { type: Number },
    time: { type: String },
    view: { state: true },
    focusedId: { state: true },
  };

  declare sessions: ReadonlyMap<string, SessionObject>;
  /** Grows when `sessions` changed inside. */
  declare revision: number;
  declare selfId: string;
  declare selectedId: string;
  declare isKnown: boolean;
  declare nowMs: number;
  declare time: TimeMode;
  declare view: SessionView;
  /** The row that the keyboard is on; "" for the selected one. */
  declare focusedId: string;

  constructor() {
    super();
    this.sessions = new Map();
    this.revision = 0;
    this.selfId = "";
    this.selectedId = "";
    this.isKnown = false;
    this.nowMs = Date.now();
    this.time = "local";
    this.focusedId = "";
    this.view = {
      status: "all",
      search: "",
      sort: "created",
      isDescending: true,
      page: 0,
      pageSize: 25,
      collapsed: new Set(),
    };
  }

  /** Puts the cursor into the search box. */
  focusSearch(): void {
    this.querySelector<HTMLInputElement>("input[type=search]")?.select();
  }

  protected override updated(changed: PropertyValues): void {
    if (!changed.has("selectedId")) return;
    this.focusedId = "";
    this.#showSelected();
  }

  protected override render(): TemplateResult {
    const page = pageOf(this.sessions.values(), this.view);
    const stopId = tabStopOf(page.rows, this.focusedId, this.selectedId);
    return html`
      <div class="bar">
        ${this.#renderStatus()}
        <label class="search">${icon("search")}
          <input type="search" placeholder="Search sessions" aria-label="Search sessions by name, platform, id, job or pid"
            .value=${this.view.search} @input=${(event: Event) => this.#search((event.target as HTMLInputElement).value)}
            @keydown=${(event: KeyboardEvent) => this.#searchKey(event)} />
        </label>
        <span class="grow"></span>
        ${this.#renderPaging(page)}
      </div>
      <div class="table-scroll" role="region" aria-label="Sessions">
        <table>
          <thead><tr>${columns.map((column) => this.#renderHeader(column))}</tr></thead>
          <tbody @keydown=${(event: KeyboardEvent) => this.#rowKey(event, page.rows)}>${repeat(
            page.rows,
            (row) => row.session.id,
            (row) => this.#renderRow(row, row.session.id === stopId),
          )}</tbody>
        </table>
        ${page.rows.length === 0 ? this.#renderEmpty() : nothing}
      </div>`;
  }

  #renderStatus(): TemplateResult {
    const count = { all: this.sessions.size, active: 0, ended: 0 };
    for (const session of this.sessions.values()) count[session.status]++;
    return html`<div class="segments" role="group" aria-label="Which sessions">${(["all", "active", "ended"] as const).map(
      (status) => html`
        <button aria-pressed=${this.view.status === status} @click=${() => this.#change({ status, page: 0 })}>
          ${status === "active" ? html`<span class="dot active"></span>` : nothing}${status}
          <span class="count">${compactCount(count[status])}</span>
        </button>`,
    )}</div>`;
  }

  #renderHeader({ key, title, className }: (typeof columns)[number]): TemplateResult {
    const isSorted = this.view.sort === key;
    const direction = this.view.isDescending ? "descending" : "ascending";
    return html`<th class=${className} scope="col" aria-sort=${isSorted ? direction : "none"}>
      <button @click=${() => this.#sortBy(key)}>${title}${isSorted ? icon(this.view.isDescending ? "down" : "up") : nothing}</button>
    </th>`;
  }

  #renderRow({ session, depth, childCount, isCollapsed, isContext }: SessionRow, isTabStop: boolean): TemplateResult {
    const isSelected = session.id === this.selectedId;
    const name = visibleText(session.appname ?? "unnamed");
    const classes = `${isSelected ? "selected" : ""} ${isContext ? "context" : ""} ${session.status}`;
    return html`<tr class=${classes} aria-current=${isSelected ? "true" : nothing} @click=${() => this.#open(session.id)}>
      <td class="name"><div class="tree depth-${Math.min(depth, 6)}">
        ${childCount === 0 ? html`<span class="twist"></span>` : this.#renderTwist(session.id, name, childCount, isCollapsed)}
        <span class="dot ${session.status}" title=${session.status}></span>
        <a href="#s=${session.id}" tabindex=${isTabStop ? 0 : -1} @focus=${() => {
          this.focusedId = session.id;
        }} @click=${(event: Event) => event.preventDefault()}>${name}</a>
        ${session.mode === undefined ? nothing : html`<span class="mode">${visibleText(session.mode)}</span>`}
        ${session.id === this.selfId ? html`<span class="pill this">this server</span>` : nothing}
        ${isCollapsed ? html`<span class="pill">+${childCount}</span>` : nothing}
        <code class="id" title=${session.id}>${session.id.slice(0, 8)}</code>
        <span class="sr">${session.status}</span>
      </div></td>
      <td class="platform">${renderPlatform(session.platform)}</td>
      <td class="number" title=${fullCount(session.head)}>${compactCount(session.head)}</td>
      <td class="number size"><span class="pill size-${sizeStep(session.bytes)}">${sizeText(session.bytes)}</span></td>
      <td class="time"><time datetime=${session.created_at} title=${this.#agoTitle(session.created_at)}>${dateTimeText(session.created_at, this.#clock)}</time></td>
      <td class="time activity">${this.#renderActivity(session)}</td>
    </tr>`;
  }

  get #clock(): TimeMode {
    return this.time === "utc" ? "utc" : "local";
  }

  #agoTitle(timestamp: string): string {
    return `${fullTime(timestamp, this.#clock)}, ${agoText(Date.parse(timestamp), this.nowMs)}`;
  }

  #renderActivity(session: SessionObject): TemplateResult {
    const at = session.ended_at ?? session.last_activity_at;
    const title = fullTime(at, this.#clock);
    const ago = agoText(Date.parse(at), this.nowMs);
    if (session.ended_at === null) return html`<time datetime=${at} title=${title}>${ago}</time>`;
    const lasted = durationText(Date.parse(session.ended_at) - Date.parse(session.created_at));
    const reason = session.end_reason ?? "";
    return html`<time datetime=${at} title="${title}${reason === "" ? "" : `: ${reason}`}">${ago}</time><span class="lasted" title="it lasted so long">${lasted}</span>`;
  }

  #renderTwist(id: string, name: string, childCount: number, isCollapsed: boolean): TemplateResult {
    const label = `${isCollapsed ? "Show" : "Hide"} ${childCount} below ${name}`;
    return html`<button class="twist" tabindex="-1" aria-expanded=${!isCollapsed} aria-label=${label} @click=${(event: Event) => {
      event.stopPropagation();
      this.#toggle(id);
    }}>${icon(isCollapsed ? "right" : "down")}</button>`;
  }

  #renderPaging({ page, pageCount, matchCount }: SessionPage): TemplateResult {
    const go = (to: number) => this.#change({ page: to });
    return html`<div class="paging">
      <span class="sr" role="status">${matchCount} sessions</span>
      <span class="muted">${fullCount(matchCount)} ${matchCount === 1 ? "session" : "sessions"}</span>
      ${
        pageCount === 1
          ? nothing
          : html`
        <button class="quiet" aria-label="Previous page" ?disabled=${page === 0} @click=${() => go(page - 1)}>${icon("left")}</button>
        <span>${page + 1} / ${pageCount}</span>
        <button class="quiet" aria-label="Next page" ?disabled=${page === pageCount - 1} @click=${() => go(page + 1)}>${icon("right")}</button>`
      }
      <select aria-label="Rows per page" @change=${(event: Event) => this.#change({ pageSize: Number((event.target as HTMLSelectElement).value), page: 0 })}>
        ${pageSizes.map((size) => html`<option value=${size} ?selected=${size === this.view.pageSize}>${size} rows</option>`)}
      </select>
    </div>`;
  }

  #renderEmpty(): TemplateResult {
    if (!this.isKnown) return html`<p class="empty">Loading sessions…</p>`;
    return html`<p class="empty">${this.view.search === "" ? "No sessions here yet." : "No session matches."}</p>`;
  }

  #search(search: string): void {
    this.#change({ search, page: 0 });
  }

  /** From the search the keyboard goes to what was found. */
  #searchKey(event: KeyboardEvent): void {
    const links = this.querySelectorAll<HTMLElement>("tbody a");
    if (event.key === "ArrowDown") links[0]?.focus();
    else if (event.key === "Enter") links[0]?.click();
    else return;
    event.preventDefault();
  }

  /** Up and down through the rows; left and right hide and show what is below one, or go to what it is below. */
  #rowKey(event: KeyboardEvent, rows: readonly SessionRow[]): void {
    const at = rows.findIndex(({ session }) => session.id === this.focusedId);
    const row = rows[at];
    if (row === undefined) return;
    const focus = (index: number) => this.querySelectorAll<HTMLElement>("tbody a")[index]?.focus();
    const isShut = row.childCount === 0 || row.isCollapsed;
    if (event.key === "ArrowDown") focus(at + 1);
    else if (event.key === "ArrowUp") focus(at - 1);
    else if (event.key === "Home") focus(0);
    else if (event.key === "End") focus(rows.length - 1);
    else if (event.key === "ArrowRight" && row.isCollapsed) this.#toggle(row.session.id);
    else if (event.key === "ArrowLeft" && !isShut) this.#toggle(row.session.id);
    else if (event.key === "ArrowLeft") focus(rows.findLastIndex(({ depth }, index) => index < at && depth < row.depth));
    else if (event.key !== "ArrowRight") return;
    event.preventDefault();
  }

  #sortBy(sort: SortKey): void {
    const isText = sort === "app" || sort === "platform";
    this.#change({ sort, isDescending: this.view.sort === sort ? !this.view.isDescending : !isText, page: 0 });
  }

  #toggle(id: string): void {
    const collapsed = new Set(this.view.collapsed);
    if (!collapsed.delete(id)) collapsed.add(id);
    this.#change({ collapsed });
  }

  #change(change: Partial<SessionView>): void {
    this.view = { ...this.view, ...change };
  }

  #open(session: string): void {
    emit(this, "tr-go", { session, seq: 0 });
  }

  #showSelected(): void {
    const page = pageIndexOf(this.sessions.values(), this.view, this.selectedId);
    if (page >= 0 && page !== this.view.page) this.#change({ page });
    void this.updateComplete.then(() => this.querySelector("tr.selected")?.scrollIntoView({ block: "nearest" }));
  }
}

/** Returns the one row that tab reaches: where the keyboard was, the selected row, or the first. */
function tabStopOf(rows: readonly SessionRow[], focusedId: string, selectedId: string): string {
  const isThere = (id: string) => rows.some(({ session }) => session.id === id);
  if (isThere(focusedId)) return focusedId;
  return isThere(selectedId) ? selectedId : (rows[0]?.session.id ?? "");
}

/** Renders a platform as icon and name; an unknown one as the text it is. */
export function renderPlatform(platform: string | undefined): TemplateResult | typeof nothing {
  if (platform === undefined || platform === "") return nothing;
  const { name, icon: iconName } = platformOf(platform);
  return html`<span class="platform-name" title=${platform}>${iconName === undefined ? nothing : platformIcon(iconName)}<span>${visibleText(name)}</span></span>`;
}

/** Steps of the size pill: below 1 MiB, 100 MiB, 1 GiB, and over. */
function sizeStep(sizeBytes: number): number {
  return [2 ** 20, 100 * 2 ** 20, 2 ** 30].filter((limit) => sizeBytes >= limit).length;
}
