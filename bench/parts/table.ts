/** Rows of the report for people. */
import { figureOf, type Sample } from "../flow/flow.ts";
import type { Row } from "./rounds.ts";

const header = [
  "flow",
  "figure",
  "MB/s",
  "server CPU s",
  "load CPU s",
  "ns CPU/unit",
  "p50 ms",
  "p99 ms",
  "load can",
  "reference",
  "its figure",
  "its ns CPU/unit",
  "ratio (spread; rounds)",
  "others busy",
  "target",
];

/** Returns the header's cells. */
export function headerCells(): string[] {
  return [...header];
}

/** Returns the cells of one row; the flow's name first. */
export function cellsOf(row: Row): string[] {
  const { subject, reference, target } = row;
  return [
    row.flow,
    figureText(row, subject),
    subject.sizeBytes === 0 || row.measure === "bytes" ? "" : (subject.sizeBytes / subject.seconds / 1e6).toFixed(0),
    subject.serverCpuSeconds.toFixed(2),
    subject.generatorCpuSeconds.toFixed(2),
    cpuText(row.cpuNs),
    milliseconds(subject.p50Ms),
    milliseconds(subject.p99Ms),
    subject.generatorRate === undefined ? "" : `× ${(subject.generatorRate / (subject.count / subject.seconds)).toFixed(1)}`,
    reference?.name ?? "",
    reference === undefined ? "" : figureText(row, reference.sample),
    cpuText(row.referenceCpuNs),
    ratioText(row),
    row.othersBusy.toFixed(2),
    target === undefined
      ? ""
      : `${row.verdict === "not met" ? "NOT MET" : row.verdict}: ${target.bound} ${target.ratio.toFixed(2)}`,
  ];
}

function figureText(row: Row, sample: Sample): string {
  const figure = figureOf(row.measure, sample);
  switch (row.measure) {
    case "rate":
      return `${rateText(figure)} ${row.unit}/s`;
    case "p99":
      return `p99 ${figure.toFixed(2)} ms`;
    case "seconds":
      return `${figure < 1 ? figure.toFixed(3) : figure.toFixed(2)} s`;
    case "bytes":
      return `${(figure / 1e6).toFixed(2)} MB`;
  }
}

function cpuText(ns: number | undefined): string {
  if (ns === undefined || ns === 0) return "";
  return ns < 10 ? ns.toFixed(2) : ns.toFixed(0);
}

function rateText(rate: number): string {
  if (rate >= 1e6) return `${(rate / 1e6).toFixed(2)} M`;
  return rate >= 1000 ? `${(rate / 1000).toFixed(1)} k` : rate.toFixed(1);
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "" : value.toFixed(2);
}

/** Median, and between brackets the least and the greatest of the rounds. */
function ratioText({ ratio, ratios, roundCount }: Row): string {
  if (ratio === undefined) return `${roundCount} rounds`;
  return `${ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}; ${ratios.length})`;
}

/** Returns lines with columns as wide as their widest cell; the first is set left, the rest right. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0));
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

/** Returns the same as a table in Markdown. */
export function markdownText(rows: readonly (readonly string[])[]): string {
  const [first = [], ...rest] = rows;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = first.map((_, column) => (column === 0 ? "---" : "--:"));
  return [line(first), line(rule), ...rest.map(line)].join("\n");
}

/** Returns a line for a row that is under way. */
export function progressText(row: Row): string {
  const [flow = "", figure = "", , , , , , , , , , , ratio = "", , target = ""] = cellsOf(row);
  return `${flow}: ${figure}, ratio ${ratio} ${target}${row.note === undefined ? "" : ` [${row.note}]`}`;
}
