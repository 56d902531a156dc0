/** Archives and restores sessions: the shard's worker lets the files go, a query thread rewrites them, readers go on. */
import type { Rewritten } from "../storage/archive.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { busyRefusal, type Engine } from "./engine.ts";
import { isRefusal } from "./query-input.ts";
import type { Session } from "./session.ts";

export class Archivist {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Compacts and compresses an ended session; an archived one stays as it is. */
  async archive(session: Session): Promise<Refusal | undefined> {
    if (session.isArchived) return undefined;
    const rewritten = await this.#rewrite(session, "archive");
    if (isRefusal(rewritten)) return rewritten;
    const archivedAt = new Date(this.#engine.clock.nowMs()).toISOString();
    const sizes = { archived_at: archivedAt, original_bytes: rewritten.bytesBefore, archived_bytes: rewritten.bytesAfter };
    return this.#record(session, { ...session.record, ...sizes });
  }

  /** Brings plain segments back. */
  async restore(session: Session): Promise<Refusal | undefined> {
    if (!session.isActive && !session.segments.some((segment) => segment.archived))
      return refuse("not_archived", `Session ${session.id} is not archived.`);
    const rewritten = await this.#rewrite(session, "restore");
    if (isRefusal(rewritten)) return rewritten;
    const { archived_at: _at, original_bytes: _original, archived_bytes: _archived, ...record } = session.record;
    return this.#record(session, record);
  }

  /** Archives the sessions that ended before `beforeMs`, one after the other, oldest first. */
  async archiveOlderThan(beforeMs: number): Promise<void> {
    const old = [...this.#engine.registry.all].filter(
      (session) =>
        !session.isActive && !session.isArchived && session.head > 0 && Date.parse(session.record.ended_at ?? "") < beforeMs,
    );
    for (const session of old) {
      if (session.isActive || session.busy !== undefined || this.#engine.gate.isStopping) continue;
      const refusal = await this.archive(session);
      if (refusal !== undefined) this.#engine.log.warn({ session: session.id, refusal }, "A session could not be archived");
    }
  }

  async #rewrite(session: Session, task: "archive" | "restore"): Promise<Rewritten | Refusal> {
    if (session.isActive) return refuse("session_active", `Session ${session.id} is active: end it first.`);
    if (session.busy !== undefined) return busyRefusal(session);
    // Where its log ends is not known: nothing may be written behind it.
    if (session.readOnly !== undefined) return refuse("storage_unavailable", session.readOnly);
    session.busy = task;
    try {
      const refusal = await this.#engine.releaseFiles(session);
      if (refusal !== undefined) return refusal;
      const { id, segments, head } = session;
      const rewritten = await this.#engine.background.run<Rewritten>(task, { id, segments });
      // Also when it ended early: the segments are as it says.
      session.dropResident();
      session.segments = rewritten.segments;
      session.tail = { head, segmentFirstSeq: 0, endPosition: 0 };
      for (const line of rewritten.refused) this.#engine.log.warn({ session: id }, line);
      const failure = rewritten.failure?.message ?? rewritten.refused[0];
      return failure === undefined ? rewritten : refuse("storage_unavailable", `The ${task} is not complete: ${failure}`);
    } catch (error) {
      this.#engine.log.error({ err: error, session: session.id }, `The ${task} of a session failed`);
      return refuse("storage_unavailable", `The ${task} failed: ${(error as Error).message}`, { retryAfterSeconds: 5 });
    } finally {
      session.busy = undefined;
    }
  }

  async #record(session: Session, record: Session["record"]): Promise<Refusal | undefined> {
    this.#engine.registry.setRecord(session, record);
    const refusal = await this.#engine.writeRecord(session);
    this.#engine.announce(session);
    return refusal;
  }
}
