/**
 * Sends what is collected into batches, one batch at a time under its own key, and holds at most two in memory: one that
 * fills and one that is under way. After a restart of the server the session is re-opened and the same batch sent again.
 */
import type { OwnedBytes } from "../base/bytes.ts";
import { type Clock, waitingClock } from "../base/clock.ts";
import type { AppendAnswer, SessionInput } from "../wire/api.ts";
import { newProducerName, type TailraceClient } from "./client.ts";
import { isCode, TailraceError } from "./errors.ts";

/** What a batch under construction must be able to do; memory is kept across `clear`. */
export interface Batch {
  readonly count: number;
  readonly sizeBytes: number;
  clear(): void;
  /** Returns the body; valid until the next `finish` of the same batch. */
  finish(): OwnedBytes;
}

export interface SenderOptions {
  readonly client: TailraceClient;
  readonly session: string;
  /** A batch goes out when it has so many entries … */
  readonly batchCountMax?: number;
  /** … or so many bytes … */
  readonly batchSizeBytesMax?: number;
  /** … or its first entry has waited so long. */
  readonly lingerMs?: number;
  readonly ack?: "written" | "synced";
  readonly clock?: Clock;
  /** Given when the session is re-opened because a restart of the server ended it. */
  readonly reopenWith?: SessionInput;
  readonly onAcknowledged?: (answer: AppendAnswer) => void;
}

/** How batches of one kind are made, named and, where that makes sense, mended. */
export interface BatchKind<B extends Batch> {
  readonly contentType: string;
  make(): B;
  /** Changes a batch that was refused so that it may pass; false when that cannot be. */
  mend?(batch: B, error: TailraceError): boolean;
  /** Moves the later half of the entries to a batch of their own; there are two or more. */
  split?(batch: B): B;
}

const batchCountMaxDefault = 1000;
/** Bodies that the server takes in one stride, and well below its limit of 16 MiB. */
const batchSizeBytesMaxDefault = 1024 * 1024;
const lingerMsDefault = 100;
/** Restarts of the server while one batch is under way; more is no accident. */
const reopenCountMax = 10;

export class BatchSender<B extends Batch> {
  /** The batch to add to while `isFull` is false; call `added` after each entry. */
  filling: B;
  /** Entries added, and entries that the server has acknowledged. */
  addedCount = 0;
  acknowledgedCount = 0;
  /** Seq of the last acknowledged entry. */
  cursor = 0;
  readonly #kind: BatchKind<B>;
  readonly #options: SenderOptions;
  readonly #clock: Clock;
  readonly #batchCountMax: number;
  readonly #batchSizeBytesMax: number;
  readonly #producer = newProducerName();
  #sequence = 0;
  #idle: B;
  #sending: Promise<void> | undefined;
  #error: unknown;
  #isDue = false;
  #cancelLinger: (() => void) | undefined;

  constructor(kind: BatchKind<B>, options: SenderOptions) {
    this.#kind = kind;
    this.#options = options;
    this.#clock = options.clock ?? waitingClock;
    this.#batchCountMax = options.batchCountMax ?? batchCountMaxDefault;
    this.#batchSizeBytesMax = options.batchSizeBytesMax ?? batchSizeBytesMaxDefault;
    this.filling = kind.make();
    this.#idle = kind.make();
  }

  /** True when nothing can be added before `room` resolves. Throws the error of an earlier batch. */
  get isFull(): boolean {
    if (this.#error !== undefined) throw this.#error;
    return this.filling.count >= this.#batchCountMax || this.filling.sizeBytes >= this.#batchSizeBytesMax;
  }

  /** Notes that an entry was added to `filling`. */
  added(): void {
    this.addedCount++;
    if (this.isFull) this.#pump();
    else this.#cancelLinger ??= this.#clock.after(this.#options.lingerMs ?? lingerMsDefault, () => this.#lingered());
  }

  /** Sends `filling` as soon as it may go; resolves when the batch under way was acknowledged, so that there is room. */
  async room(): Promise<void> {
    this.#isDue = true;
    this.#pump();
    await this.#sending;
    if (this.#error !== undefined) throw this.#error;
  }

  /** Resolves when everything added so far is stored. */
  async flush(): Promise<void> {
    const target = this.addedCount;
    while (this.acknowledgedCount < target) await this.room();
    if (this.#error !== undefined) throw this.#error;
  }

  /** Stops the linger timer: nothing goes out by itself any more. */
  stop(): void {
    this.#cancelLinger?.();
    this.#cancelLinger = undefined;
  }

  #lingered(): void {
    this.#cancelLinger = undefined;
    this.#isDue = true;
    this.#pump();
  }

  /** Sends the filling batch when it is due and nothing is under way. */
  #pump(): void {
    if (this.#sending !== undefined || this.#error !== undefined || this.filling.count === 0) return;
    if (!this.#isDue && !this.isFull) return;
    this.stop();
    this.#isDue = false;
    const batch = this.filling;
    this.filling = this.#idle;
    this.#sending = this.#send(batch).then(
      () => this.#sent(batch),
      (error) => {
        this.#error = error;
        this.#sending = undefined;
      },
    );
  }

  #sent(batch: B): void {
    batch.clear();
    this.#idle = batch;
    this.#sending = undefined;
    this.#pump();
  }

  async #send(batch: B): Promise<void> {
    let key = this.#nextKey();
    for (let reopenCount = 0; ; ) {
      try {
        const answer = await this.#append(batch, key);
        this.acknowledgedCount += answer.count;
        this.cursor = answer.cursor;
        this.#options.onAcknowledged?.(answer);
        return;
      } catch (error) {
        if (isCode(error, "session_ended") && reopenCount++ < reopenCountMax) await this.#reopen(error);
        else if (isCode(error, "payload_too_large") && batch.count > 1 && this.#kind.split !== undefined)
          return this.#sendHalves(batch, this.#kind.split(batch));
        else if (error instanceof TailraceError && this.#kind.mend?.(batch, error)) key = this.#nextKey();
        else throw error;
      }
    }
  }

  /** What the server makes of a batch may be too large where the batch is not: templates are short, their texts long. */
  async #sendHalves(first: B, second: B): Promise<void> {
    await this.#send(first);
    await this.#send(second);
  }

  #append(batch: B, key: string): Promise<AppendAnswer> {
    const { client, session, ack } = this.#options;
    return client.append(session, this.#kind.contentType, batch.finish(), { key, ...(ack === undefined ? {} : { ack }) });
  }

  #nextKey(): string {
    return `${this.#producer}:${++this.#sequence}`;
  }

  /** Throws `error` when somebody ended the session on purpose, and not a restart of the server or idleness. */
  async #reopen(error: unknown): Promise<void> {
    const { client, session: id, reopenWith } = this.#options;
    const { status, end_reason } = await client.getSession(id);
    const reason = end_reason ?? "";
    if (status === "ended" && reason !== "server restart" && !reason.startsWith("idle")) throw error;
    await client.openSession(id, reopenWith);
  }
}
