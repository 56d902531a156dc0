/** The columns before the message: as wide as what was seen needs, and never narrower again while a log is shown. */
import { dayOf, type TimeMode } from "../model/format.ts";
import type { EntryRow } from "../model/run.ts";

/** Widest column of loggers, in characters. */
const loggerWidthMax = 24;
/** Newest rows whose loggers make the width of the column. */
const loggerRowCount = 200;

export class LogColumns {
  /** Times show their day: an entry is not of today. */
  hasDate = false;
  readonly #scroller: HTMLElement;
  #loggerWidth = 0;

  constructor(scroller: HTMLElement) {
    this.#scroller = scroller;
  }

  /** Forgets what was seen: another log is shown. */
  reset(): void {
    this.hasDate = false;
    this.#loggerWidth = 0;
  }

  /** Takes in what `rows` need; returns whether rows that are drawn look different now. */
  fit(rows: readonly EntryRow[], time: TimeMode): boolean {
    this.#fitLogger(rows);
    const hadDate = this.hasDate;
    const today = dayOf(new Date().toISOString(), time);
    const isOfToday = ({ entry }: EntryRow) => dayOf(entry.timestamp, time) === today;
    this.hasDate ||= rows.length > 0 && !(isOfToday(rows[0]!) && isOfToday(rows.at(-1)!));
    return this.hasDate !== hadDate;
  }

  #fitLogger(rows: readonly EntryRow[]): void {
    let width = this.#loggerWidth;
    for (let index = Math.max(0, rows.length - loggerRowCount); index < rows.length; index++) {
      width = Math.max(width, Math.min(rows[index]!.entry.logger?.length ?? 0, loggerWidthMax));
    }
    if (width === this.#loggerWidth) return;
    this.#loggerWidth = width;
    this.#scroller.style.setProperty("--logger-width", `${width}ch`);
  }
}
