/** Entries per level over time, as stacked bars; a click or a drag picks a range. */
import { html, type PropertyValues, type TemplateResult } from "lit";
import uPlot from "uplot";
import type { LevelName } from "../../record/levels.ts";
import type { LogStats } from "../data/stats.ts";
import { fullCount } from "../model/format.ts";
import { axisLabel, rangeOfBuckets } from "../model/time-range.ts";
import { View } from "./base.ts";
import { chartColors } from "./chart-colors.ts";

/** From the bottom of a bar to its top. */
const stackOrder: readonly (LevelName | "none")[] = ["none", "trace", "debug", "info", "warn", "error", "critical"];
/** Pixels that a pointer may move in a click. */
const clickPxMax = 4;

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
    if (stats === undefined || this.clientWidth === 0) return;
    const data = stackedData(stats);
    if (this.#chart === undefined) this.#chart = new uPlot(this.#options(), data, this.querySelector<HTMLElement>(".chart")!);
    else this.#chart.setData(data);
  }

  #options(): uPlot.Options {
    const colors = chartColors(this);
    const axis = { stroke: colors.text, grid: { show: false }, ticks: { show: false }, font: colors.font };
    return {
      width: this.clientWidth,
      height: this.heightPx,
      padding: [4, 8, 0, 0],
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
          values: (_chart, splits, _axis, _space, step) => splits.map((at) => axisLabel(at, step, this.isUtc)),
        },
        {
          ...axis,
          show: this.heightPx > 100,
          size: 44,
          grid: { stroke: colors.grid, width: 1 },
          values: (_chart, splits) => splits.map((at) => (Number.isInteger(at) ? fullCount(at) : "")),
        },
      ],
      series: [
        {},
        ...[...stackOrder]
          .reverse()
          .map((level) => ({ fill: colors.levels[level], width: 0, points: { show: false }, paths: barsOf() })),
      ],
      hooks: { setSelect: [(chart) => this.#picked(chart)], setCursor: [(chart) => this.#pointed(chart)] },
    };
  }

  get #bucketSeconds(): number {
    return (this.stats?.bucket_ms ?? 1000) / 1000;
  }

  #picked(chart: uPlot): void {
    const { stats } = this;
    if (stats === undefined) return;
    const { left, width } = chart.select;
    const fromMs = Date.parse(stats.from);
    const bucketAt = (px: number) => Math.floor((chart.posToVal(px, "x") * 1000 - fromMs) / stats.bucket_ms);
    const last = bucketCount(stats) - 1;
    const first = Math.max(0, Math.min(last, bucketAt(left)));
    const end = width <= clickPxMax ? first : Math.max(first, Math.min(last, bucketAt(left + width)));
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.dispatchEvent(new CustomEvent("range", { detail: rangeOfBuckets(fromMs, stats.bucket_ms, first, end) }));
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

/** Bars that fill their bucket, to the right of its start. */
function barsOf(): uPlot.Series.PathBuilder {
  return uPlot.paths.bars!({ size: [0.86, 60], align: 1 });
}

function bucketCount(stats: LogStats): number {
  return Math.max(0, ...Object.values(stats.levels).map((counts) => counts.length));
}

/** Sums from the bottom up: the topmost level comes first and is drawn behind the others. */
function stackedData(stats: LogStats): uPlot.AlignedData {
  const count = bucketCount(stats);
  const fromSeconds = Date.parse(stats.from) / 1000;
  const times = Array.from({ length: count }, (_, index) => fromSeconds + (index * stats.bucket_ms) / 1000);
  const sums = new Array<number>(count).fill(0);
  const series = stackOrder.map((level) => {
    const counts = stats.levels[level];
    for (let index = 0; index < count; index++) sums[index] = sums[index]! + (counts?.[index] ?? 0);
    return sums.slice();
  });
  return [times, ...series.reverse()];
}
