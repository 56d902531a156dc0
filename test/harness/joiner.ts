/**
 * A client that joins a session at some cursor and checks every delta: with a seam, a loss or a repeat it throws. The session
 * is one whose entries are known by their number: `m<seq>`, every third one an error.
 */
import assert from "node:assert/strict";
import type { EntryObject } from "#src/wire/api.ts";

/** Returns the entry with this number as it is sent. */
export function numberedEntry(seq: number): { message: string; level: string } {
  return { message: `m${seq}`, level: seq % 3 === 0 ? "error" : "info" };
}

export class Joiner {
  readonly name: string;
  readonly onlyErrors: boolean;
  cursor: number;
  /** Times it was told something, and times it came back. */
  deltaCount = 0;
  joinCount = 0;
  hasEnded = false;

  constructor(name: string, cursor: number, onlyErrors: boolean) {
    this.name = name;
    this.cursor = cursor;
    this.onlyErrors = onlyErrors;
  }

  /** Takes the entries between the last cursor and this one. `lastSeq` is the session's own last entry, if it has ended. */
  take(entries: readonly EntryObject[], cursor: number): void {
    this.deltaCount++;
    let index = 0;
    assert.ok(cursor >= this.cursor, `${this.name}: cursor ${cursor} lies behind ${this.cursor}`);
    for (let seq = this.cursor + 1; seq <= cursor; seq++) {
      const entry = entries[index];
      const isEnd = entry?.seq === seq && entry.logger === "sessions";
      if (this.onlyErrors && seq % 3 !== 0 && !isEnd) continue;
      if (this.onlyErrors && entry?.seq !== seq && seq === cursor) continue;
      assert.equal(entry?.seq, seq, `${this.name}: ${entry?.seq} came instead of ${seq} after ${this.cursor}`);
      if (!isEnd) assert.equal(entry?.message, `m${seq}`, this.name);
      index++;
    }
    assert.equal(index, entries.length, `${this.name}: more came than lies between ${this.cursor} and ${cursor}`);
    this.cursor = cursor;
  }
}
