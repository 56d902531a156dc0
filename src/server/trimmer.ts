/** Keeps active sessions under `--session-max-bytes`: their oldest segments go, and with them the first of their entries. */
import type { SegmentInfo, StorageFailure } from "../storage/types.ts";
import type { Engine, EngineListener } from "./engine.ts";
import type { Session } from "./session.ts";

export class Trimmer implements EngineListener {
  readonly #engine: Engine;
  readonly #sizeBytesMax: number;
  /** Sessions whose segments are being removed. */
  readonly #running = new Set<Session>();
  /** Files that could not be removed: tried again with the next ones. */
  readonly #left = new Map<Session, readonly SegmentInfo[]>();

  constructor(engine: Engine, sizeBytesMax: number) {
    this.#engine = engine;
    this.#sizeBytesMax = sizeBytesMax;
  }

  onSession(session: Session): void {
    if (session.segments.length < 2 || !session.isActive || this.#running.has(session)) return;
    const dropped = oldestOver(session.segments, this.#sizeBytesMax);
    if (dropped.length > 0) void this.#trim(session, dropped);
  }

  onSessionRemoved(session: Session): void {
    this.#left.delete(session);
  }

  async #trim(session: Session, dropped: readonly SegmentInfo[]): Promise<void> {
    const { background, log } = this.#engine;
    this.#running.add(session);
    // Readers are told of the gap before the files go, so none of them takes it for damage.
    session.dropSegments(new Set(dropped.map((segment) => segment.firstSeq)));
    const segments = [...(this.#left.get(session) ?? []), ...dropped];
    this.#left.delete(session);
    try {
      const failure = await background.run<StorageFailure | undefined>("drop", { id: session.id, segments });
      if (failure !== undefined) throw new Error(failure.message);
      const about = { session: session.id, segments: segments.length, first: session.first };
      log.info(about, "The oldest segments of a session were dropped");
    } catch (error) {
      if (!session.isRemoved) this.#left.set(session, segments);
      log.warn({ err: error, session: session.id }, "Dropped segments of a session still take disk space");
      this.#running.delete(session);
      return;
    }
    this.#running.delete(session);
    // What was appended meanwhile may have brought it over again, and nothing more need come to tell us.
    if (!session.isRemoved) this.onSession(session);
  }
}

/** Returns the oldest segments without which the rest is small enough; the last one, which grows, always stays. */
export function oldestOver(segments: readonly SegmentInfo[], sizeBytesMax: number): readonly SegmentInfo[] {
  let sizeBytes = 0;
  for (const segment of segments) sizeBytes += segment.sizeBytes;
  let count = 0;
  while (sizeBytes > sizeBytesMax && count < segments.length - 1) {
    sizeBytes -= segments[count]?.sizeBytes ?? 0;
    count++;
  }
  return segments.slice(0, count);
}
