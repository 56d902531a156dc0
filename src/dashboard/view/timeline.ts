/** Entries per level over time, as stacked bars; a click or a drag picks a range. */
import { html, type PropertyValues, type TemplateResult } from "lit";
import uPlot from "uplot";
import type { LevelName } from "../../record/levels.ts";
import type { LogStats } from "../data/stats.ts";
import { fullCount } from "../model/format.ts";
import { axisLabel, rangeOfBuckets } from "../model/time-range.ts";
import { View } from "./base.ts";
import { type ChartColors, chartColors } from "./chart-colors.ts";

/** Room beside the last bar, and of the scale of counts. */
const marginPx = 8;
const scaleSizePx = 44;
/** Width of a digit of the labels. */
const characterPx = 6.6;
/** From the bottom of a bar to its top. */
const stackOrder: readonly (LevelName | "none")[] = ["none", "trace", "debug", "info", "warn", "error", "critical"];

export class Timeline extends View {
  static override properties = {
    stats: { attribute: false },
    isUtc: { type: Boolean },
    heightPx: { type: Number },
    theme: { type: String },
    note: { state: true },
  };

  declare stats: LogStats | undefined;
  declare isUtc: boolean;
  declare heightPx: number;
  /** Changes when the colours do. */
  declare theme: string;
  declare note: string;
  #chart: uPlot | undefined;
  #resizes: ResizeObserver | undefined;

  constructor() {
    super();
    this.isUtc = false;
    this.heightPx = 64;
    this.theme = "";
    this.note = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resizes = new ResizeObserver(() => this.#fit());
    this.#resizes.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resizes?.disconnect();
    this.#drop();
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has("theme") || changed.has("isUtc") || changed.has("heightPx")) this.#drop();
    if (changed.size > 1 || !changed.has("note")) this.#draw();
  }

  protected override render(): TemplateResult {
    return html`<div class="timeline-note" aria-hidden="true">${this.note}</div>
      <div class="chart" role="img" aria-label=${this.#summary()}></div>`;
  }

  #summary(): string {
    if (this.stats === undefined) return "Entries over time";
    const counts = [...stackOrder].reverse().flatMap((level) => {
      const total = (this.stats?.levels[level] ?? []).reduce((sum, count) => sum + count, 0);
      return total === 0 ? [] : [`${fullCount(total)} ${level === "none" ? "without level" : level}`];
    });
    return `Entries over time from ${this.stats.from} to ${this.stats.to}: ${counts.join(", ")}`;
  }

  #draw(): void {
    const { stats } = this;
    if (stats === undefined) this.#drop();
    if (stats === undefined || this.clientWidth === 0) return;
    const data = sumsOf(stats);
    if (this.#chart === undefined) this.#chart = new uPlot(this.#options(), data, this.querySelector<HTMLElement>(".chart")!);
    else this.#chart.setData(data);
  }

  #options(): uPlot.Options {
    const colors = chartColors(this);
    const axis = { stroke: colors.text, grid: { show: false }, ticks: { show: false }, font: colors.font };
    return {
      width: this.clientWidth,
      height: this.heightPx,
      padding: [this.#isTall ? 10 : 4, marginPx, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: true, range: (_chart, min, max) => [min, max + this.#bucketSeconds] },
        y: { range: (_chart, _min, max) => [0, Math.max(1, max)] },
      },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 2,
          space: (_chart, _axis, min, max) => (max - min < 5 ? 96 : 72),
          values: (chart, splits, _axis, _space, step) => this.#timeLabels(chart, splits, step),
        },
        {
          ...axis,
          show: this.#isTall,
          size: scaleSizePx,
          grid: { stroke: colors.grid, width: 1 },
          values: (_chart, splits) => splits.map((at) => (Number.isInteger(at) ? fullCount(at) : "")),
        },
      ],
      series: [{}, { points: { show: false }, paths: () => null }],
      hooks: {
        ready: [(chart) => chart.over.addEventListener("click", () => this.#pick(chart, chart.cursor.left ?? 0, 0))],
        setSelect: [(chart) => this.#dragged(chart)],
        setCursor: [(chart) => this.#pointed(chart)],
        draw: [(chart) => this.#drawBars(chart, colors)],
      },
    };
  }

  /** With a scale of counts beside it. */
  get #isTall(): boolean {
    return this.heightPx > 100;
  }

  /** Labels of the times in `splits`; none where the edge of the chart would cut it. */
  #timeLabels(chart: uPlot, splits: readonly number[], stepSeconds: number): string[] {
    const { min = 0, max = 1 } = chart.scales["x"] ?? {};
    const leftPx = this.#isTall ? scaleSizePx : 0;
    const plotPx = chart.width - leftPx - marginPx;
    return splits.map((at) => {
      const label = axisLabel(at, stepSeconds, this.isUtc);
      const centerPx = leftPx + ((at - (min ?? 0)) / ((max ?? 1) - (min ?? 0))) * plotPx;
      const halfPx = (label.length * characterPx) / 2;
      return centerPx < halfPx || centerPx + halfPx > chart.width ? "" : label;
    });
  }

  /** Draws on whole device pixels, so that no bar shines through the edge of its neighbour. */
  #drawBars(chart: uPlot, colors: ChartColors): void {
    const { stats } = this;
    if (stats === undefined) return;
    const fromSeconds = Date.parse(stats.from) / 1000;
    const xOf = (index: number) => Math.round(chart.valToPos(fromSeconds + index * this.#bucketSeconds, "x", true));
    // The chart remembers what it set on the canvas and would draw its labels in the last bar's colour.
    chart.ctx.save();
    const yOf = (count: number) => Math.round(chart.valToPos(count, "y", true));
    for (let index = 0; index < bucketCount(stats); index++) {
      const left = xOf(index);
      const widthPx = xOf(index + 1) - left;
      let sum = 0;
      for (const level of stackOrder) {
        const count = stats.levels[level]?.[index] ?? 0;
        if (count === 0) continue;
        const low = yOf(sum);
        sum += count;
        chart.ctx.fillStyle = colors.levels[level];
        // A single entry stays visible beside a million.
        const heightPx = Math.max(1, low - yOf(sum));
        chart.ctx.fillRect(left, low - heightPx, Math.max(1, widthPx - gapOf(widthPx)), heightPx);
      }
    }
    chart.ctx.restore();
  }

  get #bucketSeconds(): number {
    return (this.stats?.bucket_ms ?? 1000) / 1000;
  }

  #dragged(chart: uPlot): void {
    const { left, width } = chart.select;
    if (width === 0) return;
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.#pick(chart, left, width);
  }

  #pick(chart: uPlot, left: number, width: number): void {
    const { stats } = this;
    if (stats === undefined) return;
    const fromMs = Date.parse(stats.from);
    const last = bucketCount(stats) - 1;
    const bucketAt = (px: number) => {
      const index = Math.floor((chart.posToVal(px, "x") * 1000 - fromMs) / stats.bucket_ms);
      return Math.max(0, Math.min(last, index));
    };
    const range = rangeOfBuckets(fromMs, stats.bucket_ms, bucketAt(left), bucketAt(left + width));
    this.dispatchEvent(new CustomEvent("range", { detail: range }));
  }

  #pointed(chart: uPlot): void {
    const { stats } = this;
    const left = chart.cursor.left ?? -1;
    if (stats === undefined || left < 0) {
      this.note = "";
      return;
    }
    const index = Math.floor((chart.posToVal(left, "x") * 1000 - Date.parse(stats.from)) / stats.bucket_ms);
    const counts = [...stackOrder].reverse().flatMap((level) => {
      const count = stats.levels[level]?.[index] ?? 0;
      return count === 0 ? [] : [`${level === "none" ? "no level" : level} ${fullCount(count)}`];
    });
    const at = (Date.parse(stats.from) + index * stats.bucket_ms) / 1000;
    this.note = `${axisLabel(at, stats.bucket_ms < 1000 ? 0.001 : 1, this.isUtc)}  ${counts.join("  ") || "nothing"}`;
  }

  #fit(): void {
    if (this.clientWidth === 0) return;
    if (this.#chart === undefined) this.#draw();
    else if (this.#chart.width !== this.clientWidth) this.#chart.setSize({ width: this.clientWidth, height: this.heightPx });
  }

  #drop(): void {
    this.#chart?.destroy();
    this.#chart = undefined;
  }
}

/** Pixels between bars of this width. */
function gapOf(widthPx: number): number {
  return widthPx >= 12 ? 2 : Number(widthPx >= 4);
}

function bucketCount(stats: LogStats): number {
  return Math.max(0, ...Object.values(stats.levels).map((counts) => counts.length));
}

/** Sums of all levels: what the scale needs. */
function sumsOf(stats: LogStats): uPlot.AlignedData {
  const fromSeconds = Date.parse(stats.from) / 1000;
  const times = Array.from({ length: bucketCount(stats) }, (_, index) => fromSeconds + (index * stats.bucket_ms) / 1000);
  const lists = Object.values(stats.levels);
  return [times, times.map((_, index) => lists.reduce((sum, counts) => sum + (counts[index] ?? 0), 0))];
}
