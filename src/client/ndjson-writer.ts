/** Sends lines of NDJSON as they are, in batches; lines that are no entries can be turned into plain messages. */
import { type AnyBytes, ByteColumn, type OwnedBytes, textOf, utf8 } from "../base/bytes.ts";
import { type Batch, BatchSender, type SenderOptions } from "./batch-sender.ts";
import { contentTypes } from "./client.ts";
import type { TailraceError } from "./errors.ts";

const lineFeed = 0x0a;

export class NdjsonBatch implements Batch {
  readonly #bytes = new ByteColumn(64 * 1024);
  /** Where each line ends, with its line feed. */
  readonly #ends: number[] = [];
  /** The caller's number of each line, for messages. */
  readonly #lineNumbers: number[] = [];
  /** Lines that were replaced: a second refusal is final. */
  readonly #replaced = new Set<number>();

  get count(): number {
    return this.#ends.length;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  clear(): void {
    this.#bytes.length = 0;
    this.#ends.length = 0;
    this.#lineNumbers.length = 0;
    this.#replaced.clear();
  }

  /** Adds `source[start, end)`, one JSON object without a line feed. Copied: the caller keeps it. */
  add(source: AnyBytes, start: number, end: number, lineNumber: number): void {
    this.#bytes.append(source, start, end);
    this.#bytes.reserve(1);
    this.#bytes.bytes[this.#bytes.length++] = lineFeed;
    this.#ends.push(this.#bytes.length);
    this.#lineNumbers.push(lineNumber);
  }

  finish(): OwnedBytes {
    return this.#bytes.bytes.subarray(0, this.#bytes.length);
  }

  line(index: number): string {
    return textOf(this.#bytes.bytes, this.#ends[index - 1] ?? 0, (this.#ends[index] ?? 1) - 1);
  }

  lineNumber(index: number): number {
    return this.#lineNumbers[index] ?? 0;
  }

  /** Returns the line that byte `offset` of the body lies in. */
  lineAt(offset: number): number {
    const index = this.#ends.findIndex((end) => offset < end);
    return index < 0 ? this.count - 1 : index;
  }

  /** Puts another text in the place of one line; false when that was done before. */
  tryReplace(index: number, line: string): boolean {
    if (this.#replaced.has(index)) return false;
    const replaced = [...this.#replaced, index];
    const numbers = [...this.#lineNumbers];
    const lines = Array.from({ length: this.count }, (_, at) => (at === index ? line : this.line(at)));
    this.clear();
    lines.forEach((text, at) => {
      const bytes = utf8(text);
      this.add(bytes, 0, bytes.length, numbers[at] ?? 0);
    });
    for (const at of replaced) this.#replaced.add(at);
    return true;
  }
}

export interface NdjsonOptions extends SenderOptions {
  /**
   * Called with the caller's number of a line that the server refuses, and why; true: it is sent again as a plain
   * message. Left out or false, the whole fails with the server's error.
   */
  readonly onRefused?: (lineNumber: number, error: TailraceError) => boolean;
}

export class NdjsonWriter {
  readonly sender: BatchSender<NdjsonBatch>;

  constructor(options: NdjsonOptions) {
    const kind = {
      contentType: contentTypes.ndjson,
      make: () => new NdjsonBatch(),
      mend: (batch: NdjsonBatch, error: TailraceError) => this.#mend(batch, error, options.onRefused),
    };
    this.sender = new BatchSender(kind, options);
  }

  /** Takes one line from `source[start, end)`, which is copied; false when there is no room: wait for `sender.room`. */
  tryWriteLine(source: AnyBytes, start: number, end: number, lineNumber: number): boolean {
    if (this.sender.isFull) return false;
    this.sender.filling.add(source, start, end, lineNumber);
    this.sender.added();
    return true;
  }

  #mend(batch: NdjsonBatch, error: TailraceError, onRefused: NdjsonOptions["onRefused"]): boolean {
    const index = refusedLine(batch, error);
    if (index === undefined || onRefused === undefined) return false;
    if (!onRefused(batch.lineNumber(index), error)) return false;
    return batch.tryReplace(index, JSON.stringify({ message: batch.line(index) }));
  }
}

/** Returns the index of the line that the server found at fault. */
function refusedLine(batch: NdjsonBatch, error: TailraceError): number | undefined {
  const { index, offset } = error.details ?? {};
  if (error.code === "invalid_entry" && index !== undefined) return index;
  if ((error.code === "invalid_json" || error.code === "invalid_utf8") && offset !== undefined) return batch.lineAt(offset);
  return undefined;
}
