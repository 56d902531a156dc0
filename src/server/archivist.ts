/** Archives and restores sessions: the shard's worker lets the files go, a background thread rewrites them, readers go on. */
import type { Rewritten } from "../storage/archive.ts";
import type { SessionRecord } from "../storage/types.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";
import { isRefusal } from "./query-input.ts";
import { endedMs, endedSessions } from "./retention.ts";
import type { Session } from "./session.ts";

export class Archivist {
  readonly #engine: Engine;
  /** One after the other: a long rewrite leaves a background thread for removals. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Compacts and compresses an ended session; an archived one stays as it is. */
  async archive(session: Session): Promise<Refusal | undefined> {
    if (isDone(session)) return undefined;
    const rewritten = await this.#rewrite(session, "archive");
    if (isRefusal(rewritten)) return rewritten;
    const { restored_at: _restored, ...record } = session.record;
    return this.#record(session, { ...record, archived_at: this.#now(), archived_bytes: rewritten.bytesAfter });
  }

  /** Brings plain segments back. */
  async restore(session: Session): Promise<Refusal | undefined> {
    if (!session.isActive && !session.segments.some((segment) => segment.archived))
      return refuse("not_archived", `Session ${session.id} is not archived.`);
    const rewritten = await this.#rewrite(session, "restore");
    if (isRefusal(rewritten)) return rewritten;
    const { archived_at: _at, original_bytes: _original, archived_bytes: _archived, ...record } = session.record;
    return this.#record(session, { ...record, restored_at: this.#now() });
  }

  /** Archives the sessions that ended, or were restored, before `beforeMs`: one after the other, oldest first. */
  async archiveOlderThan(beforeMs: number): Promise<void> {
    for (const session of await endedSessions(this.#engine)) {
      if (restingSinceMs(session) >= beforeMs || isDone(session) || session.head === 0) continue;
      if (session.isActive || session.isRemoved || session.busy !== undefined || this.#engine.gate.isStopping) continue;
      const refusal = await this.archive(session);
      if (refusal !== undefined) this.#engine.log.warn({ session: session.id, refusal }, "A session could not be archived");
    }
  }

  async #rewrite(session: Session, task: "archive" | "restore"): Promise<Rewritten | Refusal> {
    if (session.isActive) return refuse("session_active", `Session ${session.id} is active: end it first.`);
    // Where its log ends is not known: nothing may be written behind it.
    if (session.readOnly !== undefined) return refuse("storage_unavailable", session.readOnly);
    const free = this.#engine.hold(session, task);
    if (isRefusal(free)) return free;
    const rewriting = this.#last.then(() => this.#rewriteHeld(session, task));
    this.#last = rewriting;
    try {
      return await rewriting;
    } finally {
      free();
    }
  }

  async #rewriteHeld(session: Session, task: "archive" | "restore"): Promise<Rewritten | Refusal> {
    try {
      const refusal = (task === "archive" ? await this.#begin(session) : undefined) ?? (await this.#engine.releaseFiles(session));
      if (refusal !== undefined) return refusal;
      const { id, segments, head } = session;
      // Whatever becomes of the last segment: who goes on with the session begins a new one.
      session.tail = { head, segmentFirstSeq: 0, endPosition: 0 };
      const rewritten = await this.#engine.background.run<Rewritten>(task, { id, segments });
      // Also when it ended early: the segments are as it says.
      session.dropResident();
      session.segments = rewritten.segments;
      for (const line of rewritten.refused) this.#engine.log.warn({ session: id }, line);
      const failure = rewritten.failure?.message ?? rewritten.refused[0];
      return failure === undefined ? rewritten : refuse("storage_unavailable", `The ${task} is not complete: ${failure}`);
    } catch (error) {
      this.#engine.log.error({ err: error, session: session.id }, `The ${task} of a session failed`);
      return refuse("storage_unavailable", `The ${task} failed: ${(error as Error).message}`, { retryAfterSeconds: 5 });
    }
  }

  /** On disk before any file changes: whoever finishes this after a crash must know what there was. */
  #begin(session: Session): Promise<Refusal | undefined> {
    const { archived_at: _at, archived_bytes: _bytes, ...record } = session.record;
    this.#engine.registry.setRecord(session, { ...record, original_bytes: originalSizeBytes(session) });
    return this.#engine.writeHeldRecord(session);
  }

  async #record(session: Session, record: SessionRecord): Promise<Refusal | undefined> {
    this.#engine.registry.setRecord(session, record);
    const refusal = await this.#engine.writeRecord(session);
    this.#engine.announce(session);
    return refusal;
  }

  #now(): string {
    return new Date(this.#engine.clock.nowMs()).toISOString();
  }
}

/** All of it is archived, and the record says so: a crash may have come between. */
function isDone({ isArchived, record }: Session): boolean {
  return isArchived && record.archived_at !== undefined;
}

/** Bytes that the session's segments have as plain ones; of those that are archived already the record tells. */
function originalSizeBytes({ segments, record }: Session): number {
  const { original_bytes = 0, archived_at, archived_bytes = 0 } = record;
  // An archive was begun and not finished.
  if (archived_at === undefined && original_bytes > 0) return original_bytes;
  let plainSizeBytes = 0;
  let archivedSizeBytes = 0;
  for (const { archived, sizeBytes } of segments) {
    if (archived) archivedSizeBytes += sizeBytes;
    else plainSizeBytes += sizeBytes;
  }
  // A part of them may have been brought back since.
  const share = archived_bytes > 0 ? Math.min(1, archivedSizeBytes / archived_bytes) : 0;
  return plainSizeBytes + Math.round(original_bytes * share);
}

/** Who brought a session back wants it plain for as long as one that has just ended. */
function restingSinceMs(session: Session): number {
  return Math.max(endedMs(session), Date.parse(session.record.restored_at ?? session.record.created_at));
}
