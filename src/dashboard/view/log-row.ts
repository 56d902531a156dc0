/** Draws one row of the log. Row elements are filled again and again; text from outside only becomes text nodes. */
import { type LevelName, levelNames } from "../../record/levels.ts";
import type { EntryObject, Gap } from "../../wire/api.ts";
import { fullCount, fullTime, rowTime, type TimeMode } from "../model/format.ts";
import { piecesOf } from "../model/highlight.ts";
import type { FoldRow, GapRow, Row } from "../model/rows.ts";
import type { EntryRow } from "../model/run.ts";
import { firstLine, foldedLengthMax, lineWithMatch, visibleText } from "../model/visible-text.ts";

/** What all rows are drawn with. */
export interface RowLook {
  readonly time: TimeMode;
  /** Start of the session, for relative times. */
  readonly originMs: number;
  readonly withDate: boolean;
  readonly isWrapped: boolean;
  /** Text that is marked. */
  readonly marked: string;
  /** The row that the keyboard is on. */
  readonly currentSeq: number;
  /** Returns the details of an entry that is open, else undefined. */
  readonly detailOf: (row: EntryRow) => HTMLElement | undefined;
}

/** Level names in rows. */
export const shortLevels: Readonly<Record<LevelName | "", string>> = {
  "": "",
  trace: "TRC",
  debug: "DBG",
  info: "INF",
  warn: "WRN",
  error: "ERR",
  critical: "CRT",
};

/** Returns the id of the element of an entry, for `aria-activedescendant`. */
export function rowElementId(seq: number): string {
  return `row-${seq}`;
}

/** Makes an empty row element. */
export function createRow(): HTMLElement {
  const element = document.createElement("div");
  element.setAttribute("role", "row");
  return element;
}

/** Fills `element` with `row`; returns whether its height may be another than one line. */
export function fillRow(element: HTMLElement, row: Row, look: RowLook): boolean {
  if (row.kind === "entry") return fillEntry(element, row, look);
  if (row.kind === "fold") fillFold(element, row, look);
  else fillGap(element, row);
  return false;
}

function fillEntry(element: HTMLElement, row: EntryRow, look: RowLook): boolean {
  const { entry } = row;
  const detail = look.detailOf(row);
  const isOpen = detail !== undefined;
  const isCurrent = look.currentSeq === entry.seq;
  element.className = `row entry${isOpen ? " open" : ""}${isCurrent ? " current" : ""}${look.isWrapped ? " wrapped" : ""}`;
  element.id = rowElementId(entry.seq);
  element.dataset["seq"] = String(entry.seq);
  element.dataset["level"] = entry.level ?? "none";
  element.ariaSelected = String(isCurrent);
  const cells = fillHead(element, entry, look);
  fillMessage(cells.message, row, look);
  fillMarker(cells.marker, row, isOpen);
  fillDetail(element, detail);
  return isOpen || look.isWrapped;
}

/** Fills what stands before the message. */
function fillHead(element: HTMLElement, entry: EntryObject, look: RowLook): EntryCells {
  const cells = entryCells(element);
  setText(cells.time, rowTime(entry.timestamp, look.time, look.originMs, look.withDate));
  cells.time.title = fullTime(entry.timestamp, look.time);
  setText(cells.level, shortLevels[entry.level ?? ""]);
  setText(cells.logger, visibleText(entry.logger ?? ""));
  cells.logger.title = entry.logger ?? "";
  return cells;
}

interface EntryCells {
  readonly time: HTMLElement;
  readonly level: HTMLElement;
  readonly logger: HTMLElement;
  readonly message: HTMLElement;
  readonly marker: HTMLButtonElement;
}

const cellsOf = new WeakMap<HTMLElement, EntryCells>();

/** Returns the cells of `element`, made anew when it showed something else before. */
function entryCells(element: HTMLElement): EntryCells {
  const known = cellsOf.get(element);
  if (known !== undefined && known.time.parentElement === element) return known;
  const cells = {
    time: cell("time"),
    level: cell("level"),
    logger: cell("logger"),
    message: document.createElement("span"),
    marker: document.createElement("button"),
  };
  cells.message.className = "text";
  cells.marker.className = "marker";
  cells.marker.tabIndex = -1;
  const body = cell("message");
  body.append(cells.marker, cells.message);
  element.replaceChildren(cells.time, cells.level, cells.logger, body);
  cellsOf.set(element, cells);
  return cells;
}

function cell(name: string): HTMLElement {
  const element = document.createElement("span");
  element.className = `cell ${name}`;
  element.setAttribute("role", "gridcell");
  return element;
}

function fillMessage(target: HTMLElement, row: EntryRow, look: RowLook): void {
  const shown = visibleText(lineWithMatch(row.entry.message, look.marked));
  if (look.marked === "") {
    setText(target, shown);
    return;
  }
  const nodes = piecesOf(shown, look.marked).map(({ text, isMatch }) => {
    if (!isMatch) return text;
    const mark = document.createElement("mark");
    mark.textContent = text;
    return mark;
  });
  target.replaceChildren(...nodes);
}

/** The marker tells that there is more to see: fields, or more lines; above an unfolded trace it folds it again. */
function fillMarker(marker: HTMLButtonElement, row: EntryRow, isOpen: boolean): void {
  if (row.frameCount !== undefined) {
    fillTraceMarker(marker, row.key, row.frameCount, true);
    return;
  }
  delete marker.dataset["trace"];
  const more = row.lineCount - 1;
  const isCut = more === 0 && row.entry.message.length > foldedLengthMax;
  const isStructured = row.entry.format !== undefined || row.entry.fields !== undefined;
  const lines = more > 0 ? `+${fullCount(more)} ${more === 1 ? "line" : "lines"}` : "";
  const parts = [lines, isCut ? `${fullCount(row.entry.message.length)} characters` : "", isStructured ? "{…}" : ""];
  const text = parts.filter((part) => part !== "").join(" ");
  marker.hidden = text === "";
  if (marker.hidden) return;
  setText(marker, text);
  marker.ariaExpanded = String(isOpen);
  marker.title = `${isOpen ? "Hide" : "Show"} ${isStructured ? "template and fields" : "all lines"}`;
}

function fillDetail(element: HTMLElement, detail: HTMLElement | undefined): void {
  const shown = element.querySelector(":scope > .detail-cell");
  if (detail === undefined) {
    shown?.remove();
    return;
  }
  if (shown?.firstElementChild === detail) return;
  const holder = cell("detail-cell");
  holder.append(detail);
  if (shown === null) element.append(holder);
  else shown.replaceWith(holder);
}

function fillGap(element: HTMLElement, { gap }: GapRow): void {
  element.className = "row gap";
  for (const name of ["data-level", "data-seq", "aria-selected", "id"]) element.removeAttribute(name);
  const holder = cell("gap-text");
  holder.textContent = gapText(gap);
  element.replaceChildren(holder);
}

/** Returns what a gap row says. */
export function gapText(gap: Gap): string {
  const range = gap.from === gap.to ? `Entry ${fullCount(gap.from)}` : `Entries ${fullCount(gap.from)} to ${fullCount(gap.to)}`;
  const verb = gap.from === gap.to ? "is" : "are";
  if (gap.reason === "slow") return `${range} ${verb} not shown: the page could not keep up`;
  if (gap.reason === "damaged") return `${range} ${verb} damaged in the file`;
  return `${range} ${verb} no longer kept`;
}

/** A folded trace stands where its first frame would, and shows it faintly. */
function fillFold(element: HTMLElement, row: FoldRow, look: RowLook): void {
  const { entry, seqFirst, seqLast } = row;
  const isCurrent = seqFirst <= look.currentSeq && look.currentSeq <= seqLast;
  element.className = `row entry fold${isCurrent ? " current" : ""}`;
  element.id = rowElementId(isCurrent ? look.currentSeq : seqFirst);
  element.dataset["seq"] = String(seqFirst);
  element.dataset["level"] = entry.level ?? "none";
  element.ariaSelected = String(isCurrent);
  const cells = fillHead(element, entry, look);
  setText(cells.message, visibleText(firstLine(entry.message).trim()));
  fillTraceMarker(cells.marker, seqFirst, row.count, false);
  fillDetail(element, undefined);
}

function fillTraceMarker(marker: HTMLButtonElement, seq: number, count: number, isOpen: boolean): void {
  marker.hidden = false;
  marker.dataset["trace"] = String(seq);
  marker.ariaExpanded = String(isOpen);
  marker.title = `${isOpen ? "Fold" : "Unfold"} the stack trace`;
  setText(marker, `${fullCount(count)} stack frames`);
}

/** Returns the line that is copied for `entry`, as the text format of the API has it. */
export function lineOf(entry: EntryObject): string {
  const time = entry.timestamp.replace("T", " ").replace("Z", "");
  const level = entry.level === undefined ? "" : ` [${entry.level}]`;
  const logger = entry.logger === undefined ? "" : ` [${entry.logger}]`;
  return `[${time}]${level}${logger} ${entry.message}`;
}

/** Returns the address that opens an entry with what is around it. */
export function linkTo(session: string, seq: number): string {
  return new URL(`#s=${session}&c=${seq}`, location.href).href;
}

/** Returns the levels from most to least severe, without "none". */
export function levelsDescending(): LevelName[] {
  return levelNames.filter((name) => name !== "").reverse();
}

function setText(element: HTMLElement, text: string): void {
  const node = element.firstChild;
  if (node instanceof Text && node === element.lastChild) {
    if (node.data !== text) node.data = text;
  } else {
    element.textContent = text;
  }
}
