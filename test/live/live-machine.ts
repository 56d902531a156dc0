/** Following without sockets and threads: the live engine on a clock and files of the test, and readers that note what they are told. */
import assert from "node:assert/strict";
import { DeltaSource } from "#src/server/delta-source.ts";
import type { Follower, FollowPolicy, FollowSink, GapReason } from "#src/server/follower.ts";
import { Live } from "#src/server/live.ts";
import { isRefusal } from "#src/server/query-input.ts";
import { parseFilter, type ReadFilter } from "#src/server/read-input.ts";
import { ReaderBooks } from "#src/server/reader-books.ts";
import { Reads } from "#src/server/reads.ts";
import { recoverSessions } from "#src/server/recovery.ts";
import type { Session } from "#src/server/session.ts";
import { SessionsFeed } from "#src/server/sessions-feed.ts";
import { Waits } from "#src/server/waits.ts";
import type { EntryObject, FilterInput } from "#src/wire/api.ts";
import { type Delta, type DeltaForm, deltaForm } from "#src/wire/delta.ts";
import { Machine, type MachineOptions } from "../life/machine.ts";

export class LiveMachine extends Machine {
  readonly reads: Reads;
  readonly live: Live;
  readonly waits: Waits;
  readonly books: ReaderBooks;
  readonly feed: SessionsFeed;

  constructor(options: MachineOptions = {}) {
    super({ shardCount: 1, ...options });
    this.reads = new Reads(this.engine);
    this.live = new Live(this.engine, new DeltaSource(this.engine, this.reads));
    this.waits = new Waits(this.clock, this.live);
    this.feed = new SessionsFeed(this.engine);
    this.books = new ReaderBooks(this.engine, this.reads, this.waits);
  }

  /** Takes over what is on disk, as a start does. */
  recover(): Promise<void> {
    return recoverSessions(this.engine, { sameBoot: true, syncedBeforeMs: 0 });
  }

  follow(session: Session, cursor: number, sink: NotingSink, options: FollowOptions = {}): Follower {
    const { filter = {}, policy = "lossless" } = options;
    sink.last = Math.max(sink.last, cursor);
    sink.follower = this.live.follow({ session, cursor, filter: filterOf(filter), policy }, sink);
    return sink.follower;
  }
}

export interface FollowOptions {
  readonly filter?: FilterInput;
  readonly policy?: FollowPolicy;
}

/** Returns the filter as the server has it. */
export function filterOf(input: FilterInput): ReadFilter {
  const filter = parseFilter((name) => Reflect.get(input, name));
  assert.ok(!isRefusal(filter));
  return filter;
}

/** A reader with as much room as its test gives it. Without a filter it wants every entry in order. */
export class NotingSink implements FollowSink {
  readonly form: DeltaForm = deltaForm.json;
  readonly deltas: Delta[] = [];
  readonly gaps: { from: number; to: number; reason: GapReason }[] = [];
  readonly seqs: number[] = [];
  endedAt: number | undefined;
  follower: Follower | undefined;
  roomBytes = Number.POSITIVE_INFINITY;
  /** Seq of the last entry that came or was told as missing. */
  last = 0;
  readonly #onDelta: (delta: Delta) => void;

  constructor(onDelta: (delta: Delta) => void = () => {}) {
    this.#onDelta = onDelta;
  }

  room(): number {
    return this.roomBytes;
  }

  beginRead(): boolean {
    return true;
  }

  endRead(): void {}

  delta(delta: Delta, head: number): void {
    assert.ok(delta.cursor <= head && delta.cursor > this.last, "a delta moves on, no further than the head");
    this.deltas.push(delta);
    for (const entry of entriesOf(delta)) {
      assert.ok(entry.seq > this.last && entry.seq <= delta.cursor, "entries lie between the cursors");
      this.seqs.push(entry.seq);
    }
    this.last = delta.cursor;
    this.#onDelta(delta);
  }

  gap(from: number, to: number, reason: GapReason): void {
    assert.ok(from === this.last + 1 && to >= from, "a gap begins where the entries end");
    this.gaps.push({ from, to, reason });
    this.last = to;
  }

  ended(cursor: number): void {
    assert.equal(this.endedAt, undefined, "an end is told once");
    this.endedAt = cursor;
  }

  /** Gives room, or takes it. */
  setRoom(bytes: number): void {
    this.roomBytes = bytes;
    if (bytes > 0) this.follower?.onRoom();
  }
}

/** The entries of a JSON delta. */
export function entriesOf(delta: Delta): EntryObject[] {
  return JSON.parse(`[${Buffer.from(delta.entries).toString("utf8")}]`) as EntryObject[];
}

/** Whole numbers from…to. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}
