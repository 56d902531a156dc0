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

/** Newest entries that are drawn; one request. */
const entryCountMax = 10_000;
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
  declare entries: readonly EntryObject[];
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
    this.entries = [];
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
    const paths = numericPaths(this.entries.slice(-200));
    const candidates = this.templates.filter(({ template }) => template.includes("{"));
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
      ${paths.length === 0 ? html`<p class="empty">${candidates.length === 0 ? "No templates with fields." : "No numbers in the fields of this template."}</p>` : ""}`;
  }

  get #chosen(): string {
    return this.template !== "" ? this.template : (this.templates.find(({ template }) => template.includes("{"))?.template ?? "");
  }

  get #shownPath(): string {
    const paths = numericPaths(this.entries.slice(-200));
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
    const { since, until } = this.filter;
    try {
      const query = { ...serverFilterOf({ ...noFilter, since, until, template }), tail: entryCountMax };
      const page = await this.client.readPage(this.session, query);
      if (this.#loaded === wanted) this.entries = page.entries;
    } catch {
      // The next change tries again.
      this.#loaded = "";
    }
  }

  #draw(): void {
    const holder = this.querySelector<HTMLElement>(".chart")!;
    this.#chart?.destroy();
    this.#chart = undefined;
    const path = this.#shownPath;
    if (path === "" || this.clientWidth === 0) return;
    const { times, values, count } = seriesOf(this.entries, path, this.clientWidth * 2);
    const low = Math.min(...values);
    const high = Math.max(...values);
    this.note = count === 0 ? "" : `${fullCount(count)} values, ${round(low)} to ${round(high)}`;
    this.#chart = new uPlot(this.#options(), [times, values], holder);
  }

  #options(): uPlot.Options {
    const colors = chartColors(this);
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
      series: [{}, { stroke: colors.accent, width: 1.5, fill: colors.accentSoft, points: { show: false } }],
    };
  }
}

function round(value: number): string {
  return Number(value.toPrecision(4)).toString();
}
