/** Writes a stream of entries into one session as binary batches, in order, in bounded memory. */
import type { AnyBytes } from "../base/bytes.ts";
import { waitingClock } from "../base/clock.ts";
import { levelNone, levelOfName } from "../record/levels.ts";
import { BatchSender, type SenderOptions } from "./batch-sender.ts";
import { BatchWriter } from "./batch-writer.hot.ts";
import { contentTypes } from "./client.ts";
import { TailraceError } from "./errors.ts";

/** An entry for `write`: plain with `message`, or structured with `format` and `fields`. */
export interface WriterEntry {
  /** Milliseconds since the epoch, with fraction; left out: now. */
  readonly timeMs?: number;
  readonly level?: string;
  readonly logger?: string;
  readonly message?: string;
  readonly format?: string;
  readonly fields?: object;
}

const batchKind = {
  contentType: contentTypes.flatbuffers,
  make: () => new BatchWriter(),
  split: (batch: BatchWriter) => batch.split(),
};

export class SessionWriter {
  readonly #sender: BatchSender<BatchWriter>;
  readonly #nowMs: () => number;

  constructor(options: SenderOptions) {
    const clock = options.clock ?? waitingClock;
    this.#sender = new BatchSender(batchKind, options);
    this.#nowMs = () => clock.nowMs();
  }

  /** Entries taken so far. */
  get writtenCount(): number {
    return this.#sender.addedCount;
  }

  /** Entries of those that are stored. */
  get acknowledgedCount(): number {
    return this.#sender.acknowledgedCount;
  }

  /** Seq of the last stored entry. */
  get cursor(): number {
    return this.#sender.cursor;
  }

  /**
   * Takes one entry; false when there is no room for it: wait for `room`. Throws the error of an earlier batch.
   * An entry over the server's limit for one entry makes its batch fail.
   */
  tryWrite(entry: WriterEntry): boolean {
    const level = entry.level === undefined ? levelNone : levelOfName(entry.level);
    if (level < 0) throw new TailraceError("invalid_entry", `"${entry.level}" is not a level`);
    const timeMs = entry.timeMs ?? this.#nowMs();
    const logger = entry.logger ?? "";
    if (entry.format !== undefined) {
      const fields = entry.fields === undefined ? "" : JSON.stringify(entry.fields);
      return this.tryWriteStructured(timeMs, level, logger, entry.format, fields);
    }
    if (this.#sender.isFull) return false;
    this.#sender.filling.addMessage(timeMs, level, logger, entry.message ?? "");
    this.#sender.added();
    return true;
  }

  /** Takes one structured entry whose fields are a compact JSON object already, or ""; false when there is no room. */
  tryWriteStructured(timeMs: number, level: number, logger: string, format: string, fields: string): boolean {
    if (this.#sender.isFull) return false;
    this.#sender.filling.addStructured(timeMs, level, logger, format, fields);
    this.#sender.added();
    return true;
  }

  /** Takes one plain entry whose message is `source[start, end)`, which is copied; false when there is no room. */
  tryWriteBytes(timeMs: number, level: number, logger: string, source: AnyBytes, start: number, end: number): boolean {
    if (this.#sender.isFull) return false;
    this.#sender.filling.addBytes(timeMs, level, logger, source, start, end);
    this.#sender.added();
    return true;
  }

  /** Takes one entry, waiting for room. */
  async write(entry: WriterEntry): Promise<void> {
    while (!this.tryWrite(entry)) await this.room();
  }

  /** Resolves when there is room again. */
  room(): Promise<void> {
    return this.#sender.room();
  }

  /** Resolves when everything taken so far is stored. */
  flush(): Promise<void> {
    return this.#sender.flush();
  }

  /** Stops the linger timer: nothing goes out by itself any more. */
  stop(): void {
    this.#sender.stop();
  }
}
