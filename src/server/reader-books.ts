/** The readers of each session: loaded from `readers.json` when first asked for, written by the session's worker. */
import { limits } from "../config.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Engine, EngineListener } from "./engine.ts";
import { sessionNotFound } from "./intake.ts";
import { isRefusal } from "./query-input.ts";
import {
  afterClaim,
  type Confirmation,
  claimRefusal,
  confirm,
  newReader,
  type ReaderRecord,
  readerNow,
  readersOf,
} from "./readers.ts";
import { noFilter, type Reads } from "./reads.ts";
import type { Session } from "./session.ts";
import type { Waits } from "./waits.ts";

export class ReaderBooks implements EngineListener {
  readonly #engine: Engine;
  readonly #reads: Reads;
  readonly #waits: Waits;
  readonly #books = new Map<Session, Promise<ReaderBook>>();

  constructor(engine: Engine, reads: Reads, waits: Waits) {
    this.#engine = engine;
    this.#reads = reads;
    this.#waits = waits;
    engine.listeners.add(this);
  }

  /** Returns the readers of a session, or why their file can't be read. */
  of(session: Session): Promise<ReaderBook | Refusal> {
    const book = this.#books.get(session) ?? this.#load(session);
    return book.catch((error: Error) => {
      // The next request tries again.
      this.#books.delete(session);
      this.#engine.log.error({ err: error, session: session.id }, "The readers of a session could not be read");
      return refuse("storage_unavailable", `The session's readers could not be read: ${error.message}`, { retryAfterSeconds: 1 });
    });
  }

  #load(session: Session): Promise<ReaderBook> {
    const engine = this.#engine;
    const book = engine.query.run<unknown>("readers", session.id).then((stored) => {
      const records = readersOf(stored);
      const lostCount = Array.isArray(stored) ? stored.length - records.length : 1;
      if (lostCount > 0) engine.log.error({ session: session.id }, "Readers of a session are damaged: they are left out");
      return new ReaderBook(engine, this.#reads, this.#waits, session, records);
    });
    this.#books.set(session, book);
    return book;
  }

  onSession(): void {}

  onSessionRemoved(session: Session): void {
    this.#books.delete(session);
  }
}

/** How entries are claimed. */
export interface ClaimOptions {
  readonly limit: number;
  readonly leaseMs: number;
  readonly waitMs: number;
  /** Takes the call to make when the peer is gone. */
  onAborted(giveUp: () => void): void;
}

/** The readers of one session. Changes are made one after the other, each on disk before the next begins. */
export class ReaderBook {
  readonly #engine: Engine;
  readonly #reads: Reads;
  readonly #waits: Waits;
  readonly #session: Session;
  readonly #readers = new Map<string, ReaderRecord>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, reads: Reads, waits: Waits, session: Session, records: readonly ReaderRecord[]) {
    this.#engine = engine;
    this.#reads = reads;
    this.#waits = waits;
    this.#session = session;
    for (const record of records) this.#readers.set(record.name, record);
  }

  all(): Iterable<ReaderRecord> {
    return this.#readers.values();
  }

  find(name: string): ReaderRecord | Refusal {
    return this.#readers.get(name) ?? notFound(name);
  }

  /** Makes a reader, or moves a known one; without a cursor a known one stays as it is. */
  put(name: string, cursor: number | undefined): Promise<{ reader: ReaderRecord; isNew: boolean } | Refusal> {
    return this.#serially(async () => {
      const known = this.#readers.get(name);
      if (known !== undefined && cursor === undefined) return { reader: known, isNew: false };
      if (known === undefined && this.#readers.size >= limits.readerCountMax) return tooManyReaders;
      const reader = newReader(name, cursor ?? 0);
      return (await this.#store(name, reader)) ?? { reader, isNew: known === undefined };
    });
  }

  /** Removes a reader and returns what it was. */
  remove(name: string): Promise<ReaderRecord | Refusal> {
    return this.#change(name, () => undefined);
  }

  confirm(name: string, confirmation: Confirmation): Promise<ReaderRecord | Refusal> {
    return this.#change(name, (reader) => confirm(reader, confirmation, this.#engine.clock.nowMs()));
  }

  /** Nothing is handed out any more; the reader goes on at `cursor` if given, else where it is. */
  resume(name: string, cursor: number | undefined): Promise<ReaderRecord | Refusal> {
    return this.#change(name, (reader) => newReader(name, cursor ?? reader.cursor));
  }

  /** Hands out the next entries and returns the answer's JSON, or why not. Waits for entries as long as asked. */
  async claim(name: string, options: ClaimOptions): Promise<string | Refusal> {
    const { clock } = this.#engine;
    const session = this.#session;
    const endMs = clock.monotonicMs() + options.waitMs;
    for (;;) {
      const claimed = await this.#serially(() => this.#claimNow(name, options));
      if (claimed !== undefined) return claimed;
      const cursor = this.#readers.get(name)?.cursor ?? 0;
      const wait = { session, cursor, filter: noFilter, ms: endMs - clock.monotonicMs(), onAborted: options.onAborted };
      const { isOver } = await this.#waits.wait(wait);
      if (isOver) return `{"from":${cursor + 1},"to":${cursor},"lease_until":null,"attempt":0,"entries":[]}`;
    }
  }

  /** Undefined: there is nothing to hand out now. */
  async #claimNow(name: string, options: ClaimOptions): Promise<string | Refusal | undefined> {
    const { clock } = this.#engine;
    const session = this.#session;
    for (;;) {
      if (session.isRemoved) return sessionNotFound(session.id);
      const known = this.#readers.get(name);
      if (known === undefined) return notFound(name);
      const reader = readerNow(known, clock.nowMs());
      const refusal = claimRefusal(reader);
      if (refusal !== undefined) return refusal;
      if (reader.cursor >= session.head) return undefined;
      const page = await this.#reads.entriesAfter(session, reader.cursor, options.limit);
      if (isRefusal(page)) return page;
      if (page.count > 0) return this.#lease(reader, page, options.leaseMs);
      if (page.cursor <= reader.cursor) return undefined;
      // Only a gap lay there: the reader goes over it.
      const failed = await this.#store(name, newReader(name, page.cursor));
      if (failed !== undefined) return failed;
    }
  }

  async #lease(reader: ReaderRecord, page: { entries: string; cursor: number }, leaseMs: number): Promise<string | Refusal> {
    const from = reader.cursor + 1;
    const untilMs = this.#engine.clock.nowMs() + leaseMs;
    const leased = afterClaim(reader, from, page.cursor, untilMs);
    const failed = await this.#store(reader.name, leased);
    if (failed !== undefined) return failed;
    const until = new Date(untilMs).toISOString();
    return `{"from":${from},"to":${page.cursor},"lease_until":"${until}","attempt":${leased.attempts},"entries":[${page.entries}]}`;
  }

  /** Replaces a reader by what `action` makes of it; undefined: it goes, and is returned as it was. */
  #change(name: string, action: (reader: ReaderRecord) => ReaderRecord | Refusal | undefined): Promise<ReaderRecord | Refusal> {
    return this.#serially(async () => {
      const reader = this.#readers.get(name);
      if (reader === undefined) return notFound(name);
      const changed = action(reader);
      if (isRefusal(changed)) return changed;
      return (await this.#store(name, changed)) ?? changed ?? reader;
    });
  }

  /** Changes memory only when the file has it. */
  async #store(name: string, reader: ReaderRecord | undefined): Promise<Refusal | undefined> {
    const next = new Map(this.#readers);
    if (reader === undefined) next.delete(name);
    else next.set(name, reader);
    const refusal = await this.#engine.writeReaders(this.#session, [...next.values()]);
    if (refusal !== undefined) return refusal;
    if (reader === undefined) this.#readers.delete(name);
    else this.#readers.set(name, reader);
    return undefined;
  }

  #serially<T>(action: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(action);
    this.#tail = run.catch(() => undefined);
    return run;
  }
}

const tooManyReaders = refuse("overloaded", `A session has at most ${limits.readerCountMax} readers: delete one.`, {
  retryAfterSeconds: 1,
});

function notFound(name: string): Refusal {
  return refuse("not_found", `Reader ${name} is not known: PUT makes it.`);
}
