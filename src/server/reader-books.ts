/** The readers of each session: loaded from `readers.json` when first asked for, written by the session's worker. */
import type { Refusal } from "../wire/outcome.ts";
import { refuse } from "../wire/outcome.ts";
import type { Engine, EngineListener } from "./engine.ts";
import { isRefusal } from "./query-input.ts";
import { afterClaim, beforeClaim, type Confirmation, confirm, newReader, type ReaderRecord } from "./readers.ts";
import type { Reads } from "./reads.ts";
import type { Session } from "./session.ts";

export class ReaderBooks implements EngineListener {
  readonly #engine: Engine;
  readonly #reads: Reads;
  readonly #books = new Map<Session, Promise<ReaderBook>>();

  constructor(engine: Engine, reads: Reads) {
    this.#engine = engine;
    this.#reads = reads;
    engine.listeners.add(this);
  }

  /** Returns the readers of a session. */
  of(session: Session): Promise<ReaderBook> {
    let book = this.#books.get(session);
    if (book === undefined) {
      book = this.#engine.query
        .run<readonly ReaderRecord[]>("readers", session.id)
        .then((records) => new ReaderBook(this.#engine, this.#reads, session, records));
      this.#books.set(session, book);
      // A failed load is tried again by the next request.
      book.catch(() => this.#books.delete(session));
    }
    return book;
  }

  onSession(): void {}

  onSessionRemoved(session: Session): void {
    this.#books.delete(session);
  }
}

export interface ClaimOptions {
  readonly limit: number;
  readonly leaseMs: number;
  readonly waitMs: number;
  /** The peer went away. */
  isOver(): boolean;
}

/** The readers of one session. Changes are made one after the other, each on disk before the next. */
export class ReaderBook {
  readonly #engine: Engine;
  readonly #reads: Reads;
  readonly #session: Session;
  readonly #readers = new Map<string, ReaderRecord>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, reads: Reads, session: Session, records: readonly ReaderRecord[]) {
    this.#engine = engine;
    this.#reads = reads;
    this.#session = session;
    for (const record of records) this.#readers.set(record.name, record);
  }

  get count(): number {
    return this.#readers.size;
  }

  all(): Iterable<ReaderRecord> {
    return this.#readers.values();
  }

  find(name: string): ReaderRecord | undefined {
    return this.#readers.get(name);
  }

  put(reader: ReaderRecord): Promise<Refusal | undefined> {
    return this.#serially(() => this.#store(reader.name, reader));
  }

  remove(name: string): Promise<Refusal | undefined> {
    return this.#serially(() => this.#store(name, undefined));
  }

  /** Hands out the next entries and returns the answer's JSON, or why not. Waits for entries as long as asked. */
  async claim(name: string, options: ClaimOptions): Promise<string | Refusal> {
    const endMs = this.#engine.clock.monotonicMs() + options.waitMs;
    for (;;) {
      const claimed = await this.#serially(() => this.#claimNow(name, options));
      if (claimed !== undefined) return claimed;
      const leftMs = endMs - this.#engine.clock.monotonicMs();
      const cursor = this.find(name)?.cursor ?? 0;
      if (leftMs <= 0 || options.isOver()) return `{"from":${cursor + 1},"to":${cursor},"entries":[]}`;
      await this.#reads.waitForMore(this.#session, cursor, leftMs);
    }
  }

  confirm(name: string, confirmation: Confirmation): Promise<ReaderRecord | Refusal> {
    return this.#serially(async () => {
      const reader = this.#readers.get(name);
      if (reader === undefined) return notFound(name);
      const confirmed = confirm(reader, confirmation, this.#engine.clock.nowMs());
      if (isRefusal(confirmed)) return confirmed;
      return (await this.#store(name, confirmed)) ?? confirmed;
    });
  }

  /** Undefined: there is nothing to hand out now. */
  async #claimNow(name: string, options: ClaimOptions): Promise<string | Refusal | undefined> {
    const known = this.#readers.get(name);
    if (known === undefined) return notFound(name);
    const nowMs = this.#engine.clock.nowMs();
    const { reader, refusal } = beforeClaim(known, nowMs);
    if (reader !== known) {
      const stored = await this.#store(name, reader);
      if (stored !== undefined) return stored;
    }
    if (refusal !== undefined) return refusal;
    if (reader.cursor >= this.#session.head) return undefined;
    const page = await this.#reads.entriesAfter(this.#session, reader.cursor, options.limit);
    if (isRefusal(page)) return page;
    if (page.count === 0) {
      // Only a gap lay there: the reader goes over it.
      return page.cursor > reader.cursor
        ? ((await this.#store(name, newReader(name, page.cursor))) ?? this.#claimNow(name, options))
        : undefined;
    }
    const untilMs = this.#engine.clock.nowMs() + options.leaseMs;
    const leased = afterClaim(reader, reader.cursor + 1, page.cursor, untilMs);
    const failed = await this.#store(name, leased);
    if (failed !== undefined) return failed;
    const until = new Date(untilMs).toISOString();
    return `{"from":${reader.cursor + 1},"to":${page.cursor},"lease_until":"${until}","attempt":${leased.attempts},"entries":[${page.entries}]}`;
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

function notFound(name: string): Refusal {
  return refuse("reader_not_found", `Reader ${name} is not known: PUT makes it.`);
}
