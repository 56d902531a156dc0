/** The bar above the log: search, levels, logger, time range, and how rows look. */
import { html, nothing, type TemplateResult } from "lit";
import { type LevelName, levelNames } from "../../record/levels.ts";
import type { Preferences } from "../data/preferences.ts";
import { type LogStats, totalOf } from "../data/stats.ts";
import { type LogFilter, noFilter, toggleField } from "../model/filter.ts";
import { compactCount, dateTimeText, fullCount, type TimeMode } from "../model/format.ts";
import { quickRanges, tryParseTime, typedTime } from "../model/time-range.ts";
import { visibleText } from "../model/visible-text.ts";
import { emit, View } from "./base.ts";
import { icon } from "./icons.ts";
import { levelsDescending, shortLevels } from "./log-row.ts";

const timeModes: readonly TimeMode[] = ["local", "utc", "relative"];
/** Typing that rests so long is searched for. */
const searchDelayMs = 250;

export class LogBar extends View {
  static override properties = {
    filter: { attribute: false },
    stats: { attribute: false },
    loggers: { attribute: false },
    preferences: { attribute: false },
    isFollowing: { type: Boolean },
    exportMenu: { attribute: false },
    searchNote: { type: String },
  };

  declare filter: LogFilter;
  declare stats: LogStats | undefined;
  /** Loggers of the whole session. */
  declare loggers: readonly { readonly logger: string; readonly count: number }[];
  declare preferences: Preferences;
  declare isFollowing: boolean;
  declare exportMenu: TemplateResult;
  /** What became of the search, for example how many match. */
  declare searchNote: string;
  #searchTimer = 0;

  constructor() {
    super();
    this.filter = noFilter;
    this.loggers = [];
    this.isFollowing = true;
    this.searchNote = "";
  }

  /** Puts the cursor into the search box. */
  focusSearch(): void {
    this.querySelector<HTMLInputElement>(".log-search input")?.select();
  }

  protected override render(): TemplateResult {
    return html`
      <div class="bar log-bar" role="toolbar" aria-label="Log">
        ${this.#renderSearch()}
        ${this.#renderLevels()}
        ${this.#renderLogger()}
        ${this.#renderRange()}
        <div class="bar-end">
        ${this.#renderLook()}
        ${this.exportMenu}
        <button class="follow" aria-pressed=${this.isFollowing} title="Follow the newest entries (f)" @click=${() => this.dispatchEvent(new Event("follow"))}>
          ${icon("live")}<span>Follow</span></button>
        </div>
      </div>
      ${this.#renderChips()}`;
  }

  #renderSearch(): TemplateResult {
    const { search } = this.preferences;
    const step = (name: string) => () => this.dispatchEvent(new Event(name));
    return html`<div class="log-search">
      <div class="search"><label>${icon("search")}
        <input type="search" placeholder="Search messages" aria-label="Search messages" .value=${this.filter.text}
          @input=${(event: Event) => this.#typed((event.target as HTMLInputElement).value)}
          @keydown=${(event: KeyboardEvent) => this.#searchKey(event)} /></label>
        <span class="note" role="status">${this.searchNote}</span>
        <button class="quiet small" aria-pressed=${search === "filter"} aria-label="Show matches only"
          title="${search === "filter" ? "Shows matches only; mark them instead" : "Marks matches; show only them instead"} (m)"
          @click=${() => emit(this, "tr-prefer", { search: search === "filter" ? "highlight" : "filter" })}>${icon("filter")}</button>
        ${
          this.filter.text === ""
            ? nothing
            : html`<button class="quiet small" title="Previous match (N)" aria-label="Previous match" @click=${step("previous-match")}>${icon("up")}</button>
              <button class="quiet small" title="Next match (n)" aria-label="Next match" @click=${step("next-match")}>${icon("down")}</button>`
        }
      </div>
    </div>`;
  }

  #renderLevels(): TemplateResult {
    const { level } = this.filter;
    const all = this.stats?.total;
    return html`<div class="segments levels" role="group" aria-label="Lowest level shown">
      <button aria-pressed=${level === ""} @click=${() => this.#narrow({ level: "" })}title=${all === undefined ? nothing : `${fullCount(all)} entries`}>All</button>
      ${levelsDescending()
        .reverse()
        .map((name) => this.#renderLevel(name, level))}
    </div>`;
  }

  #renderLevel(name: LevelName, chosen: LevelName | ""): TemplateResult {
    const count = totalOf(this.stats, name);
    const isIn = chosen !== "" && levelNames.indexOf(name) >= levelNames.indexOf(chosen);
    return html`<button data-level=${name} data-in=${isIn} aria-pressed=${chosen === name} title="${name} and above" @click=${() => this.#narrow({ level: chosen === name ? "" : name })}>
      ${shortLevels[name]}${this.stats === undefined ? nothing : html`<span class="count" data-none=${count === 0} title="${fullCount(count)} of this level">${compactCount(count)}</span>`}</button>`;
  }

  #renderLogger(): TemplateResult {
    const { logger } = this.filter;
    const isListed = logger === "" || this.loggers.some((known) => known.logger === logger);
    return html`<select class="logger ${logger === "" ? "" : "on"}" aria-label="Logger"
      @change=${(event: Event) => this.#narrow({ logger: (event.target as HTMLSelectElement).value })}>
      <option value="" ?selected=${logger === ""}>All loggers</option>
      ${isListed ? nothing : html`<option value=${logger} selected>${visibleText(logger)}</option>`}
      ${this.loggers
        .filter((known) => known.logger !== "")
        .map(
          (known) =>
            html`<option value=${known.logger} ?selected=${known.logger === logger}>${visibleText(known.logger)} (${compactCount(known.count)})</option>`,
        )}
    </select>`;
  }

  #renderRange(): TemplateResult {
    const { since, until } = this.filter;
    const isUtc = this.preferences.time === "utc";
    const input = (label: string, value: string, name: "since" | "until") => html`<label>${label}${isUtc ? " (UTC)" : ""}
      <input type="text" inputmode="numeric" spellcheck="false" placeholder=${name === "since" ? "10:00, -15m or 2026-11-20 10:00" : "now"}
        .value=${typedTime(value, isUtc)} @change=${(event: Event) => this.#typedTime(event.target as HTMLInputElement, name)} /></label>`;
    return html`<details class="menu range">
      <summary class=${since === "" && until === "" ? "" : "on"} title="Time range" aria-label="Time range">${icon("clock")}${icon("down")}</summary>
      <div class="panel">
        <div class="quick" role="group" aria-label="Up to now">${quickRanges.map(
          ({ label, backMs }) =>
            html`<button @click=${() => this.#pickRange(new Date(Date.now() - backMs).toISOString())}>${label}</button>`,
        )}</div>
        ${input("From", since, "since")}
        ${input("To", until, "until")}
        <button @click=${() => this.#pickRange("")}>Any time</button>
      </div>
    </details>`;
  }

  #renderLook(): TemplateResult {
    const { time, order, isWrapped, isTimelineShown } = this.preferences;
    const next = timeModes[(timeModes.indexOf(time) + 1) % timeModes.length]!;
    return html`<div class="segments look" role="group" aria-label="How rows look">
      <button title="Times: ${time}; change to ${next} (t)" @click=${() => emit(this, "tr-prefer", { time: next })}>${time === "relative" ? "+0:00" : time === "utc" ? "UTC" : "Local"}</button>
      <button title="${order === "oldest" ? "Oldest" : "Newest"} first (o)" aria-label="${order === "oldest" ? "Oldest" : "Newest"} first"
        @click=${() => emit(this, "tr-prefer", { order: order === "oldest" ? "newest" : "oldest" })}>${icon(order)}</button>
      <button title="Wrap long lines (w)" aria-label="Wrap long lines" aria-pressed=${isWrapped} @click=${() => emit(this, "tr-prefer", { isWrapped: !isWrapped })}>${icon("wrap")}</button>
      <button title="Timeline (h)" aria-label="Timeline" aria-pressed=${isTimelineShown} @click=${() => emit(this, "tr-prefer", { isTimelineShown: !isTimelineShown })}>${icon("bars")}</button>
    </div>`;
  }

  /** What narrows the log and has no control of its own that shows it. */
  #renderChips(): TemplateResult | typeof nothing {
    const { template, fields, since, until } = this.filter;
    const chips: TemplateResult[] = [];
    if (since !== "" || until !== "") chips.push(this.#renderChip("time", this.#rangeText(), { since: "", until: "" }));
    if (template !== "") chips.push(this.#renderChip("template", template, { template: "" }));
    for (const field of fields) chips.push(this.#renderChip(field.path, field.value, toggleField(this.filter, field)));
    if (chips.length === 0) return nothing;
    return html`<div class="chips" role="group" aria-label="Filters">${chips}
      <button class="quiet" @click=${() => emit(this, "tr-filter", { ...noFilter })}>Clear all</button></div>`;
  }

  #renderChip(name: string, value: string, change: Partial<LogFilter>): TemplateResult {
    return html`<span class="chip"><span class="muted">${visibleText(name)}</span><span class="chip-value" title=${value}>${visibleText(value)}</span>
      <button class="quiet" aria-label="Remove the filter ${name}" @click=${() => this.#narrow(change)}>${icon("close")}</button></span>`;
  }

  #rangeText(): string {
    const { since, until } = this.filter;
    const mode = this.preferences.time === "utc" ? "utc" : "local";
    if (until === "") return `from ${dateTimeText(since, mode)}`;
    if (since === "") return `to ${dateTimeText(until, mode)}`;
    return `${dateTimeText(since, mode)} – ${dateTimeText(until, mode)}`;
  }

  #typed(text: string): void {
    clearTimeout(this.#searchTimer);
    this.#searchTimer = window.setTimeout(() => this.#narrow({ text }), text === "" ? 0 : searchDelayMs);
  }

  /** From `since` to now; the menu has done its work. */
  #pickRange(since: string): void {
    this.#narrow({ since, until: "" });
    const menu = this.querySelector<HTMLDetailsElement>("details.range")!;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }

  #typedTime(input: HTMLInputElement, name: "since" | "until"): void {
    const time = tryParseTime(input.value, this.preferences.time === "utc", Date.now());
    input.setCustomValidity(time === undefined ? "A time like 10:00, 2026-11-20 10:00:00 or -15m" : "");
    if (time === undefined) input.reportValidity();
    else this.#narrow({ [name]: time });
  }

  #searchKey(event: KeyboardEvent): void {
    if (event.key === "Enter") {
      clearTimeout(this.#searchTimer);
      const { value } = event.target as HTMLInputElement;
      if (value !== this.filter.text) this.#narrow({ text: value });
      else this.dispatchEvent(new Event(event.shiftKey ? "previous-match" : "next-match"));
    } else if (event.key === "Escape") {
      this.#typed("");
      (event.target as HTMLInputElement).value = "";
      (event.target as HTMLInputElement).blur();
    }
  }

  #narrow(change: Partial<LogFilter>): void {
    emit(this, "tr-filter", { ...this.filter, ...change });
  }
}
