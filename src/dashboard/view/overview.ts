/** The overview of a session: entries over time, who wrote them, which templates, and a number over time. */
import { html, nothing, type PropertyValues, svg, type TemplateResult } from "lit";
import type { TailraceClient } from "../../client/client.ts";
import type { SessionObject, TemplateSummary } from "../../wire/api.ts";
import type { Preferences } from "../data/preferences.ts";
import { type LogStats, readStats, totalOf } from "../data/stats.ts";
import type { StatsPoll } from "../data/stats-poll.ts";
import { type LogFilter, noFilter, serverFilterOf } from "../model/filter.ts";
import { compactCount, durationText, fullCount, sizeText } from "../model/format.ts";
import { templatePieces } from "../model/template.ts";
import { visibleText } from "../model/visible-text.ts";
import { emit, View } from "./base.ts";
import { levelsDescending } from "./log-row.ts";

/** Templates that are listed, each with a request for its trend. */
const templateCountMax = 12;
const loggerCountMax = 12;
/** Points of a trend. */
const trendBucketCount = 48;
/** Pause between two looks at the templates. */
const refreshMs = 10_000;

export class Overview extends View {
  static override properties = {
    session: { attribute: false },
    filter: { attribute: false },
    preferences: { attribute: false },
    polled: { attribute: false },
    statsRevision: { type: Number },
    charted: { attribute: false },
    templates: { state: true },
    trends: { state: true },
  };

  declare client: TailraceClient;
  declare session: SessionObject;
  declare filter: LogFilter;
  declare preferences: Preferences;
  declare polled: StatsPoll;
  declare statsRevision: number;
  /** Template and field that the reader asked to see drawn. */
  declare charted: { readonly template: string; readonly path: string };
  declare templates: readonly TemplateSummary[] | undefined;
  declare trends: ReadonlyMap<string, readonly number[]>;
  #timer = 0;
  #head = -1;

  constructor() {
    super();
    this.filter = noFilter;
    this.charted = { template: "", path: "" };
    this.trends = new Map();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = window.setInterval(() => void this.#load(), refreshMs);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected override updated(changed: PropertyValues<this>): void {
    const isOther = changed.has("session") && changed.get("session")?.id !== this.session.id;
    if (!isOther && !changed.has("filter")) return;
    this.#head = -1;
    if (isOther) this.templates = undefined;
    this.trends = new Map();
    void this.#load();
  }

  protected override render(): TemplateResult {
    const { stats } = this.polled;
    const { theme, time } = this.preferences;
    return html`<div class="overview">
      ${this.#renderFacts(stats)}
      <section class="wide" aria-labelledby="over-time-title">
        <h3 id="over-time-title">Entries over time <span class="muted">click or drag to narrow</span></h3>
        ${
          stats === undefined
            ? html`<p class="empty">Counting…</p>`
            : html`<tr-timeline .stats=${stats} .isUtc=${time === "utc"} .heightPx=${200} .theme=${theme}
              @range=${(event: CustomEvent<Partial<LogFilter>>) => emit(this, "tr-filter", { ...this.filter, ...event.detail })}></tr-timeline>`
        }
        <div class="legend">${levelsDescending().map(
          (level) =>
            html`<span data-level=${level}><i class="swatch"></i>${level} <b>${fullCount(totalOf(stats, level))}</b></span>`,
        )}<span data-level="none"><i class="swatch"></i>no level <b>${fullCount(totalOf(stats, "none"))}</b></span></div>
      </section>
      <section class="top-templates" aria-labelledby="templates-title">
        <h3 id="templates-title">Top templates</h3>
        ${this.#renderTemplates()}
      </section>
      <section class="top-loggers" aria-labelledby="loggers-title">
        <h3 id="loggers-title">Top loggers</h3>
        ${this.#renderLoggers(stats)}
      </section>
      <section class="wide" aria-labelledby="field-title">
        <h3 id="field-title">A number over time</h3>
        <tr-field-chart .client=${this.client} .session=${this.session.id} .filter=${this.filter} .templates=${this.templates ?? []}
          .template=${this.charted.template} .path=${this.charted.path} .head=${this.session.head} .isUtc=${time === "utc"} .theme=${theme}></tr-field-chart>
      </section>
    </div>`;
  }

  #renderFacts(stats: LogStats | undefined): TemplateResult {
    const { session } = this;
    const endMs = session.ended_at === null ? Date.now() : Date.parse(session.ended_at);
    const durationMs = endMs - Date.parse(session.created_at);
    const errors = totalOf(stats, "error") + totalOf(stats, "critical");
    const spanMs = stats === undefined ? durationMs : Date.parse(stats.to) - Date.parse(stats.from);
    const rate = (stats?.total ?? session.head) / Math.max(1, spanMs / 1000);
    const facts: [string, string, string][] = [
      ["Entries", fullCount(session.head), ""],
      ["Errors", stats === undefined ? "–" : fullCount(errors), errors > 0 ? "error" : ""],
      ["Warnings", stats === undefined ? "–" : fullCount(totalOf(stats, "warn")), totalOf(stats, "warn") > 0 ? "warn" : ""],
      ["Per second", rate >= 100 ? fullCount(Math.round(rate)) : rate.toFixed(1), ""],
      ["Duration", durationText(durationMs), ""],
      ["Size", sizeText(session.bytes), ""],
    ];
    return html`<dl class="facts-row">${facts.map(
      ([name, value, level]) => html`<div data-level=${level}><dt>${name}</dt><dd>${value}</dd></div>`,
    )}</dl>`;
  }

  #renderLoggers(stats: LogStats | undefined): TemplateResult {
    const loggers = (stats?.loggers ?? []).slice(0, loggerCountMax);
    if (loggers.length === 0) return html`<p class="empty">${stats === undefined ? "Counting…" : "No loggers."}</p>`;
    const most = loggers[0]!.count;
    return html`<ol class="bars">${loggers.map(
      ({ logger, count }) => html`<li>
        <button aria-pressed=${logger !== "" && this.filter.logger === logger} ?disabled=${logger === ""} title="Show only this logger" @click=${() => this.#pick({ logger })}>
          <span class="bar-fill" .style=${`width:${(count / most) * 100}%`}></span>
          <span class="bar-name">${logger === "" ? "no logger" : visibleText(logger)}</span><span class="bar-count">${fullCount(count)}</span>
        </button></li>`,
    )}</ol>`;
  }

  #renderTemplates(): TemplateResult {
    const templates = this.templates?.slice(0, templateCountMax) ?? [];
    if (templates.length === 0)
      return html`<p class="empty">${this.templates === undefined ? "Counting…" : "No structured entries."}</p>`;
    return html`<table class="templates" aria-label="Templates with their trend and how many entries they have">
      <colgroup><col /><col class="trend" /><col class="number" /></colgroup>
      <tbody>${templates.map(
        (summary) => html`<tr>
          <td><button title="Show only this template" aria-pressed=${this.filter.template === summary.template} @click=${() => this.#pick({ template: summary.template })}>
            <i class="swatch" data-level=${worstLevel(summary)}></i><code>${templatePieces(summary.template).map(
              ({ text, isPlaceholder }) => (isPlaceholder ? html`<b>${visibleText(text)}</b>` : visibleText(text)),
            )}</code></button></td>
          <td class="trend">${renderTrend(this.trends.get(summary.template))}</td>
          <td class="number" title=${fullCount(summary.count)}>${compactCount(summary.count)}</td>
        </tr>`,
      )}</tbody>
    </table>`;
  }

  #pick(change: Partial<LogFilter>): void {
    emit(this, "tr-filter", { ...this.filter, ...change });
    emit(this, "tr-go", { tab: "log" });
  }

  async #load(): Promise<void> {
    if (this.session.head === this.#head || document.visibilityState !== "visible" || !this.checkVisibility()) return;
    const { id, head } = this.session;
    this.#head = head;
    try {
      const { templates } = await this.client.templates(id);
      if (this.session.id !== id) return;
      this.templates = [...templates].sort((one, other) => other.count - one.count);
      await this.#loadTrends(id);
    } catch {
      // The next look tries again.
      this.#head = -1;
    }
  }

  async #loadTrends(id: string): Promise<void> {
    for (const { template } of this.templates?.slice(0, templateCountMax) ?? []) {
      const { since, until } = this.filter;
      const filter = serverFilterOf({ ...noFilter, since, until, template });
      const stats = await readStats(this.client, id, { ...filter, buckets: trendBucketCount });
      if (stats === undefined || this.session.id !== id) return;
      const lists = Object.values(stats.levels);
      const length = Math.max(0, ...lists.map((counts) => counts.length));
      const sums = Array.from({ length }, (_, index) => lists.reduce((sum, counts) => sum + (counts[index] ?? 0), 0));
      this.trends = new Map(this.trends).set(template, sums);
    }
  }
}

function worstLevel({ levels }: TemplateSummary): string {
  return levelsDescending().find((level) => (levels[level] ?? 0) > 0) ?? "none";
}

/** Draws counts as a small line; two points make the shortest. */
function renderTrend(counts: readonly number[] | undefined): TemplateResult | typeof nothing {
  if (counts === undefined || counts.length < 2) return nothing;
  const most = Math.max(1, ...counts);
  const points = counts.map(
    (count, index) => `${((index / (counts.length - 1)) * 96).toFixed(1)},${(18 - (count / most) * 16).toFixed(1)}`,
  );
  return html`<svg class="sparkline" viewBox="0 0 96 20" preserveAspectRatio="none" role="img" aria-label="trend, at most ${most} per step">
    ${svg`<polygon points="0,19 ${points.join(" ")} 96,19"/><polyline points=${points.join(" ")}/>`}</svg>`;
}
