/**
 * Group commit of a shard: while one round of syncs runs, batches that want to be synced collect for the next one. When the
 * worker dies in a round, its batches are written all the same: the next worker takes their sessions over and syncs them.
 */
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Session } from "./session.ts";
import type { Batch } from "./shard.ts";

/** What the shard does for it. */
export interface CommitHost {
  /** Syncs the files of these slots; the answer has a refusal for each that failed. Rejects when the worker died. */
  sync(slots: readonly number[]): Promise<ReadonlyMap<number, Refusal>>;
  /** Answers a batch. */
  settle(batch: Batch, refusal: Refusal | undefined, first: number, count: number, duplicate: boolean): void;
  /** Has whichever worker there is take the session over, in its turn; then calls `done`, also when that failed. */
  handOver(session: Session, done: () => void): void;
  onStorage(refusal: Refusal): void;
  /** Nothing waits any more. */
  onIdle(): void;
}

/** A batch that is written. */
interface WrittenBatch {
  readonly batch: Batch;
  readonly first: number;
  readonly count: number;
  readonly duplicate: boolean;
  /** A worker died while it synced this one. */
  readonly wasLost: boolean;
}

export class GroupCommit {
  readonly #host: CommitHost;
  #waiting: WrittenBatch[] = [];
  #isRunning = false;

  constructor(host: CommitHost) {
    this.#host = host;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && !this.#isRunning;
  }

  /** Takes a batch that is written and answers it when it is synced, or when it can't be. */
  add(batch: Batch, first: number, count: number, duplicate: boolean): void {
    this.#wait([{ batch, first, count, duplicate, wasLost: false }]);
  }

  #wait(written: readonly WrittenBatch[]): void {
    this.#waiting.push(...written);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => this.#round());
  }

  #round(): void {
    const written = this.#waiting;
    this.#waiting = [];
    const slots = [...new Set(written.map(({ batch }) => batch.session.slot))];
    this.#host
      .sync(slots)
      .then(
        (refusals) => this.#settleAll(written, ({ batch }) => refusals.get(batch.session.slot)),
        () => this.#lost(written),
      )
      .then(() => this.#next());
  }

  #settleAll(written: readonly WrittenBatch[], refusalOf: (written: WrittenBatch) => Refusal | undefined): void {
    for (const one of written) {
      const refusal = refusalOf(one);
      if (refusal !== undefined) this.#host.onStorage(refusal);
      this.#host.settle(one.batch, refusal, one.first, one.count, one.duplicate);
    }
  }

  /** Each batch is tried once more: its session may be what workers die of. */
  #lost(written: readonly WrittenBatch[]): void {
    this.#settleAll(
      written.filter(({ wasLost }) => wasLost),
      () => lostRefusal,
    );
    const bySession = new Map<Session, WrittenBatch[]>();
    for (const one of written) {
      if (one.wasLost) continue;
      const { session } = one.batch;
      const again = bySession.get(session) ?? [];
      bySession.set(session, again);
      again.push({ ...one, wasLost: true });
    }
    for (const [session, again] of bySession) this.#host.handOver(session, () => this.#wait(again));
  }

  #next(): void {
    if (this.#waiting.length > 0) return this.#round();
    this.#isRunning = false;
    this.#host.onIdle();
  }
}

const lostRefusal = refuse(
  "storage_unavailable",
  "The batch was written, but workers died before it was synced: send it again.",
  { retryAfterSeconds: 1 },
);
