/** A numeric field of one template as a line over time. */
import { html, type PropertyValues, type TemplateResult } from "lit";
import uPlot from "uplot";
import type { TailraceClient } from "../../client/client.ts";
import type { EntryObject, TemplateSummary } from "../../wire/api.ts";
import { type LogFilter, noFilter, serverFilterOf } from "../model/filter.ts";
import { compactCount, fullCount } from "../model/format.ts";
import { numericPaths, seriesOf } from "../model/series.ts";
import { axisLabel } from "../model/time-range.ts";
import { visibleText } from "../model/visible-text.ts";
import { View } from "./base.ts";
import { chartColors } from "./chart-colors.ts";

/** Entries that are drawn. */
const entryCountMax = 10_000;
/** Of more entries, so many stretches spread over the log are taken. */
const stretchCount = 40;
/** Pixels of a step in time. */
const columnPx = 4;
const heightPx = 180;

export class FieldChart extends View {
  static override properties = {
    session: { type: String },
    filter: { attribute: false },
    templates: { attribute: false },
    template: { type: String },
    path: { type: String },
    head: { type: Number },
    isUtc: { type: Boolean },
    theme: { type: String },
    entries: { state: true },
    note: { state: true },
  };

  declare client: TailraceClient;
  declare session: string;
  declare filter: LogFilter;
  declare templates: readonly TemplateSummary[];
  /** Chosen template and field, "" for the first that has numbers. */
  declare template: string;
  declare path: string;
  declare head: number;
  declare isUtc: boolean;
  declare theme: string;
  /** Absent until they are here. */
  declare entries: readonly EntryObject[] | undefined;
  declare note: string;
  #chart: uPlot | undefined;
  #resizes: ResizeObserver | undefined;
  #loaded = "";

  constructor() {
    super();
    this.filter = noFilter;
    this.templates = [];
    this.template = "";
    this.path = "";
    this.note = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resizes = new ResizeObserver(() => this.#chart?.setSize({ width: this.clientWidth, height: heightPx }));
    this.#resizes.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resizes?.disconnect();
    this.#chart?.destroy();
    this.#chart = undefined;
  }

  protected override updated(changed: PropertyValues): void {
    void this.#load();
    if (["entries", "path", "isUtc", "theme"].some((name) => changed.has(name))) this.#draw();
  }

  protected override render(): TemplateResult {
    const paths = numericPaths((this.entries ?? []).slice(-200));
    const candidates = this.templates.filter(({ template }) => template.includes("{"));
    if (candidates.length === 0) return html`<div class="chart"></div><p class="empty">${this.#emptyText}</p>`;
    return html`
      <div class="choose">
        <select aria-label="Template" @change=${(event: Event) => this.#choose((event.target as HTMLSelectElement).value)}>
          ${candidates.map(({ template, count }) => html`<option value=${template} ?selected=${template === this.#chosen}>${visibleText(template)} (${compactCount(count)})</option>`)}
        </select>
        <select aria-label="Field" @change=${(event: Event) => {
          this.path = (event.target as HTMLSelectElement).value;
        }}>
          ${paths.map((path) => html`<option value=${path} ?selected=${path === this.#shownPath}>${visibleText(path)}</option>`)}
        </select>
        <span class="muted">${this.note}</span>
      </div>
      <div class="chart" role="img" aria-label="${this.#shownPath || "No field"} over time. ${this.note}"></div>
      ${paths.length === 0 ? html`<p class="empty">${this.#emptyText}</p>` : ""}`;
  }

  get #emptyText(): string {
    if (this.#chosen === "") return "No templates with fields.";
    return this.entries === undefined ? "Loading…" : "No numbers in the fields of this template.";
  }

  get #chosen(): string {
    return this.template !== "" ? this.template : (this.templates.find(({ template }) => template.includes("{"))?.template ?? "");
  }

  get #shownPath(): string {
    const paths = numericPaths((this.entries ?? []).slice(-200));
    return paths.includes(this.path) ? this.path : (paths[0] ?? "");
  }

  #choose(template: string): void {
    this.template = template;
    this.path = "";
  }

  /** Loads the newest entries of the template again when it, the filter or the log's length changed much. */
  async #load(): Promise<void> {
    const template = this.#chosen;
    const wanted = JSON.stringify([
      this.session,
      template,
      this.filter.since,
      this.filter.until,
      Math.round(Math.log2(this.head + 1) * 8),
    ]);
    if (template === "" || wanted === this.#loaded) return;
    this.#loaded = wanted;
    try {
      const entries = await this.#read(template);
      if (this.#loaded === wanted) this.entries = entries;
    } catch {
      // The next change tries again.
      this.#loaded = "";
    }
  }

  async #read(template: string): Promise<EntryObject[]> {
    const { since, until } = this.filter;
    const query = serverFilterOf({ ...noFilter, since, until, template });
    const summary = this.templates.find((known) => known.template === template);
    if (summary === undefined || summary.count <= entryCountMax) {
      return (await this.client.readPage(this.session, { ...query, tail: entryCountMax })).entries;
    }
    const entries: EntryObject[] = [];
    for (let stretch = 0; stretch < stretchCount; stretch++) {
      const cursor = Math.floor(summary.first - 1 + ((summary.last - summary.first) * stretch) / stretchCount);
      const page = await this.client.readPage(this.session, { ...query, cursor, limit: entryCountMax / stretchCount });
      const last = entries.at(-1)?.seq ?? 0;
      entries.push(...page.entries.filter(({ seq }) => seq > last));
    }
    return entries;
  }

  #draw(): void {
    const holder = this.querySelector<HTMLElement>(".chart")!;
    this.#chart?.destroy();
    this.#chart = undefined;
    const path = this.#shownPath;
    if (path === "" || this.clientWidth === 0) return;
    const total = this.templates.find(({ template }) => template === this.#chosen)?.count ?? 0;
    // Where only stretches of the log were read, a step for each: between them nothing is known.
    const columnCount = total > entryCountMax ? stretchCount : this.clientWidth / columnPx;
    const { times, means, lows, highs, count } = seriesOf(this.entries ?? [], path, columnCount);
    const range = `${round(Math.min(...lows))} to ${round(Math.max(...highs))}`;
    this.note = count === 0 ? "" : `${range} in ${fullCount(count)}${total > count ? ` of ${fullCount(total)}` : ""} entries`;
    this.#chart = new uPlot(this.#options(), [times, means, lows, highs], holder);
  }

  #options(): uPlot.Options {
    const colors = chartColors(this);
    const hidden = { width: 0, points: { show: false } };
    const axis = { stroke: colors.text, ticks: { show: false }, font: colors.font };
    return {
      width: this.clientWidth,
      height: heightPx,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      axes: [
        {
          ...axis,
          size: 24,
          gap: 2,
          grid: { show: false },
          values: (_chart, splits, _axis, _space, step) => splits.map((at) => axisLabel(at, step, this.isUtc)),
        },
        { ...axis, size: 52, grid: { stroke: colors.grid, width: 1 } },
      ],
      series: [{}, { stroke: colors.accent, width: 1.5, points: { show: false } }, hidden, hidden],
      bands: [{ series: [3, 2], fill: colors.accentSoft }],
    };
  }
}

function round(value: number): string {
  return Number(value.toPrecision(4)).toString();
}
