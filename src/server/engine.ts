/**
 * What the server can do with sessions, whichever way it was asked: registry, shards and query threads behind one set of
 * verbs. HTTP, WebSocket, lifecycle and our own log are its callers; it knows none of them.
 */
import { randomFillSync } from "node:crypto";
import { assert, must } from "../base/assert.ts";
import { utf8 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { newSessionId, type SessionId } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import { bodyEncoding, itemKind } from "../handoff/job.ts";
import type { Processes } from "../storage/processes.ts";
import type { SessionRecord } from "../storage/types.ts";
import type { SessionInput } from "../wire/api.ts";
import { bodyKind } from "../wire/body-kind.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { Counters } from "./counters.ts";
import { Gate } from "./gate.ts";
import type { TaskThreads } from "./pool.ts";
import { hasProcess, isAlive, tieOf, untied } from "./process-tie.ts";
import type { ReaderRecord } from "./readers.ts";
import { Registry } from "./registry.ts";
import { Remover } from "./remover.ts";
import type { Session } from "./session.ts";
import { type Batch, Shard, type ShardEvents } from "./shard.ts";

/** Told of every change of the set of sessions; must not throw. */
export interface EngineListener {
  onSession(session: Session): void;
  onSessionRemoved(session: Session): void;
}

export interface EngineOptions {
  readonly shardCount: number;
  readonly slabSizeBytes: number;
  readonly ringSizeBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Threads for reads, and one for what may take long: archives, removals. */
  readonly query: TaskThreads;
  readonly background: TaskThreads;
  readonly processes: Processes;
}

export class Engine implements ShardEvents {
  readonly registry: Registry;
  readonly shards: readonly Shard[];
  readonly counters = new Counters();
  /** Whether intake is open, and if not, why. */
  readonly gate: Gate;
  readonly clock: Clock;
  readonly log: Logger;
  readonly query: TaskThreads;
  readonly background: TaskThreads;
  readonly remover: Remover;
  readonly #processes: Processes;
  readonly listeners = new Set<EngineListener>();
  /** Of each session that is held: resolved when it is free again. */
  readonly #freed = new Map<Session, Promise<void>>();
  self: Session | undefined;
  /** Bodies that are still arriving; together no more than the slabs. */
  readonly staging: { sizeBytes: number; readonly sizeBytesMax: number };

  constructor(options: EngineOptions) {
    this.clock = options.clock;
    this.log = options.log;
    this.query = options.query;
    this.background = options.background;
    this.#processes = options.processes;
    this.staging = { sizeBytes: 0, sizeBytesMax: options.slabSizeBytes };
    this.registry = new Registry(options.shardCount);
    this.gate = new Gate();
    this.remover = new Remover(this);
    this.shards = Array.from(
      { length: options.shardCount },
      (_, index) =>
        new Shard({
          index,
          slabSizeBytes: Math.floor(options.slabSizeBytes / options.shardCount),
          ringSizeBytes: Math.floor(options.ringSizeBytes / options.shardCount),
          clock: options.clock,
          events: this,
        }),
    );
  }

  get selfId(): string {
    return this.self?.id ?? "";
  }

  shardOf(session: Session): Shard {
    return must(this.shards[session.shardIndex], "a session's shard exists");
  }

  /** Returns the shard of an id whose session may not be there yet. */
  shardOfId(id: SessionId): Shard {
    return must(this.shards[this.registry.shardIndexOf(id)], "an id's shard exists");
  }

  // --- ShardEvents

  sessionOfSlot(slot: number): Session | undefined {
    return this.registry.findSlot(slot);
  }

  onPublished(sessions: ReadonlySet<Session>): void {
    const nowMs = this.clock.nowMs();
    for (const session of sessions) {
      // What is appended to an ended session is our own word on its end.
      if (session.isActive) session.lastActivityMs = nowMs;
      for (const listener of session.listeners) listener.onPublished(session);
      this.#announce(session);
    }
  }

  onStorage(refusal: Refusal | undefined): void {
    this.gate.setStorageTrouble(refusal?.message);
  }

  onWorkerDied(shard: Shard, error: unknown): void {
    this.log.error({ err: error, shard: shard.index, restarts: shard.restartCount, down: shard.isDown }, "An ingest worker died");
    if (shard.isDown) this.gate.setWorkerTrouble(`The worker of shard ${shard.index} keeps dying.`);
  }

  // --- verbs

  /** Makes a session, or updates the given members of a known one; an ended one goes on. */
  async createOrUpdate(id: SessionId, input: SessionInput): Promise<{ session: Session; created: boolean } | Refusal> {
    const known = this.registry.find(id);
    if (known === undefined) {
      const session = this.createSession(id, input);
      const refusal = await this.writeRecord(session);
      // A batch that came meanwhile may fare better; then the session stays.
      if (refusal !== undefined && session.waitingCount === 0) this.forget(session);
      return refusal ?? { session, created: true };
    }
    if (known.ending !== undefined) {
      // Whether it ends is not certain yet, and an end that is taken back must not meet a resumption that is.
      await known.ending;
      return this.createOrUpdate(id, input);
    }
    if (known.busy !== undefined) return busyRefusal(known);
    const wasEnded = !known.isActive;
    const before = known.record;
    const record = this.#withInput(wasEnded ? this.#withoutDeadProcess(before) : before, input);
    this.registry.setRecord(known, this.#updated(known, record, wasEnded));
    const resumed = wasEnded ? this.appendText(known, "Session resumed", this.clock.nowMs()) : undefined;
    const refusal = (await this.writeRecord(known)) ?? (await resumed);
    if (refusal !== undefined && wasEnded && known.isActive) this.#takeBack(known, before);
    this.#announce(known);
    return refusal ?? { session: known, created: false };
  }

  /** Registers a new active session at once; the caller queues its record. */
  createSession(id: SessionId, input: SessionInput): Session {
    const nowMs = this.clock.nowMs();
    const now = new Date(nowMs).toISOString();
    const times = { created_at: now, updated_at: now, last_activity_at: now, ended_at: null, end_reason: null };
    const record = this.#withInput({ id, ...input, metadata: {}, status: "active", ...times }, input);
    const session = this.registry.add(id, record, nowMs);
    this.#announce(session);
    return session;
  }

  newId(): SessionId {
    return newSessionId(this.clock.nowMs(), (target) => randomFillSync(target));
  }

  /** Replaces the metadata and any other given member. */
  async replace(session: Session, input: SessionInput): Promise<Refusal | undefined> {
    const record = this.#withInput({ ...session.record, metadata: {} }, input);
    this.registry.setRecord(session, this.#updated(session, record, false));
    const refusal = await this.writeRecord(session);
    this.#announce(session);
    return refusal;
  }

  /**
   * Ends a session: one last entry, then its record. Ending an ended one changes nothing.
   * @param atMs when it ended, if that is not now; also the time of its last entry.
   */
  async end(session: Session, reason: string, atMs = this.clock.nowMs()): Promise<Refusal | undefined> {
    if (!session.isActive) return session.ending;
    const ending = this.#writeEnd(session, reason, atMs);
    session.ending = ending;
    const refusal = await ending;
    if (session.ending === ending) session.ending = undefined;
    this.#announce(session);
    for (const listener of session.listeners) listener.onPublished(session);
    return refusal;
  }

  async #writeEnd(session: Session, reason: string, atMs: number): Promise<Refusal | undefined> {
    const before = session.record;
    const time = (ms: number) => new Date(ms).toISOString();
    // The state changes before anything is awaited: a batch that arrives later is refused, one that was taken in is stored.
    this.registry.setRecord(session, {
      ...before,
      status: "ended",
      ended_at: time(atMs),
      end_reason: reason,
      updated_at: time(this.clock.nowMs()),
      last_activity_at: time(session.lastActivityMs),
    });
    const appended = this.appendText(session, reason === "" ? "Session ended" : `Session ended: ${reason}`, atMs);
    const recorded = this.writeRecord(session);
    const refusal = (await appended) ?? (await recorded);
    if (refusal !== undefined) this.#takeBack(session, before);
    return refusal;
  }

  /** Removes an ended session and its data. */
  async purge(session: Session): Promise<Refusal | undefined> {
    return (await this.remover.purge([session])).get(session);
  }

  /**
   * Keeps all others from the files of an ended session: what wants to write to them waits or is refused.
   * @returns the call that frees it, or why it can't be had now.
   */
  hold(session: Session, why: NonNullable<Session["busy"]>): Refusal | (() => void) {
    if (session.busy !== undefined || session.waitingCount > 0) return busyRefusal(session);
    let resolveFreed = () => {};
    const freed = new Promise<void>((resolve) => {
      resolveFreed = resolve;
    });
    session.busy = why;
    this.#freed.set(session, freed);
    return () => {
      session.busy = undefined;
      this.#freed.delete(session);
      resolveFreed();
    };
  }

  /** Queues the writing of the session's record as it is now. */
  writeRecord(session: Session): Promise<Refusal | undefined> {
    return this.#write(session, itemKind.record, () => session.record);
  }

  /** The same by who holds the session's files. */
  writeHeldRecord(session: Session): Promise<Refusal | undefined> {
    assert(session.busy !== undefined, "who holds a session is not kept from its files");
    return this.#control(session, itemKind.record, session.record);
  }

  /** Queues the writing of the session's durable readers; the answer comes when they are on disk. */
  writeReaders(session: Session, readers: readonly ReaderRecord[]): Promise<Refusal | undefined> {
    return this.#write(session, itemKind.readers, () => readers);
  }

  /** Appends one entry of logger `sessions` to a session of any state. */
  appendText(session: Session, message: string, atMs: number): Promise<Refusal | undefined> {
    const entry = { timestamp: new Date(atMs).toISOString(), level: "info", logger: "sessions", message };
    return this.appendLines(session, `${JSON.stringify(entry)}\n`);
  }

  /** Appends NDJSON of our own making. */
  appendLines(session: Session, lines: string): Promise<Refusal | undefined> {
    const bytes = utf8(lines);
    const shard = this.shardOf(session);
    const offset = shard.slab.reserve(bytes.length);
    if (offset < 0) return Promise.resolve(overloadedRefusal);
    shard.slab.bytes.set(bytes, offset);
    return new Promise((resolve) => {
      shard.enqueue({
        ...this.#batchOf(session, itemKind.append, undefined, resolve),
        offset,
        sizeBytes: bytes.length,
        bodyKind: bodyKind.ndjson,
      });
    });
  }

  /** Says that a client was heard of. */
  touch(session: Session): void {
    session.lastActivityMs = this.clock.nowMs();
    this.#announce(session);
  }

  /** Resolves when everything that was taken in is answered. */
  async drain(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.idle()));
  }

  /** Writes a line for each job that runs longer than any should. */
  reportStuckJobs(): void {
    for (const shard of this.shards) {
      if (!shard.isStuck) continue;
      this.log.error({ shard: shard.index, age_ms: Math.round(shard.jobAgeMs), queued: shard.queuedCount }, "A job is stuck");
    }
  }

  announce(session: Session): void {
    this.#announce(session);
  }

  /** Lets the worker close the files of a session that is held, because another thread is about to change them. */
  async releaseFiles(session: Session): Promise<Refusal | undefined> {
    assert(session.busy !== undefined, "files are released by who holds them");
    const shard = this.shardOf(session);
    // A worker that never met the session has none of its files; one that is down has no files at all.
    if (shard.isDown || session.adoptedGeneration !== shard.generation) return undefined;
    return this.#control(session, itemKind.release, undefined);
  }

  /** Writes a small file of the session, after who holds its files. @param document what it is to hold then. */
  async #write(session: Session, kind: number, document: () => unknown): Promise<Refusal | undefined> {
    for (let freed = this.#freed.get(session); freed !== undefined; freed = this.#freed.get(session)) await freed;
    if (session.isRemoved) return refuse("session_not_found", `Session ${session.id} is gone.`);
    return this.#control(session, kind, document());
  }

  #control(session: Session, kind: number, document: unknown): Promise<Refusal | undefined> {
    return new Promise((resolve) => this.shardOf(session).enqueue(this.#batchOf(session, kind, document, resolve)));
  }

  #batchOf(session: Session, kind: number, document: unknown, resolve: (refusal: Refusal | undefined) => void): Batch {
    return {
      kind,
      session,
      offset: 0,
      sizeBytes: 0,
      bodyKind: 0,
      encoding: bodyEncoding.identity,
      receivedMs: this.clock.nowMs(),
      key: "",
      document,
      synced: false,
      settle: (refusal) => resolve(refusal),
    };
  }

  /** Returns a record with what a client says about its session; a pid is tied to the process that has it now. */
  #withInput(record: SessionRecord, input: SessionInput): SessionRecord {
    const { pid, ...rest } = input;
    if (pid === undefined) return { ...record, ...rest };
    return { ...untied(record), ...rest, ...tieOf(this.#processes, pid) };
  }

  /** Who opens a session again without a pid is not the process that is gone. */
  #withoutDeadProcess(record: SessionRecord): SessionRecord {
    return hasProcess(record) && !isAlive(this.#processes, record) ? untied(record) : record;
  }

  /** Goes back to the state of `before`, also on disk, where the other one may have arrived. */
  #takeBack(session: Session, { status, ended_at, end_reason }: SessionRecord): void {
    this.registry.setRecord(session, { ...session.record, status, ended_at, end_reason });
    void this.writeRecord(session);
  }

  #updated(session: Session, record: SessionRecord, reopen: boolean): SessionRecord {
    const now = new Date(this.clock.nowMs()).toISOString();
    session.lastActivityMs = this.clock.nowMs();
    const status = reopen ? { status: "active" as const, ended_at: null, end_reason: null } : {};
    return { ...record, ...status, id: session.id, updated_at: now, last_activity_at: now };
  }

  #announce(session: Session): void {
    for (const listener of this.listeners) listener.onSession(session);
  }

  /** Takes a session out of all books; who still reads it is told that nothing of it is kept. */
  forget(session: Session): void {
    assert(session.waitingCount === 0, "a session that is forgotten has no batch waiting");
    session.dropResident();
    this.registry.remove(session);
    session.isRemoved = true;
    for (const listener of session.listeners) listener.onPublished(session);
    for (const listener of this.listeners) listener.onSessionRemoved(session);
  }
}

/** Every shard's slab is full, or its queue is. */
export const overloadedRefusal = refuse(
  "overloaded",
  "The intake queue is full: nothing of the batch was stored, send it again later.",
  {
    retryAfterSeconds: 1,
  },
);

/** Says that the session's files are being worked on. */
export function busyRefusal(session: Session): Refusal {
  return refuse("storage_unavailable", `Session ${session.id} is busy (${session.busy ?? "files"}): try again in a moment.`, {
    retryAfterSeconds: 1,
  });
}
