/** The sessions feed of WebSockets: a snapshot, then changes, each session's coalesced to a few per second. */
import type { SessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import type { Engine, EngineListener } from "./engine.ts";
import type { Session } from "./session.ts";

/** One subscription to the feed. Sessions come as their JSON, which all feeds share. */
export interface FeedSink {
  readonly status: "active" | "ended" | "all";
  /** Bytes that may be sent now; 0 or less: what there is to say waits. */
  room(): number;
  snapshot(sessions: readonly string[]): void;
  /** Also told when the session left the status that the feed shows: once, with its new one. */
  changed(session: string): void;
  removed(id: SessionId): void;
  /** Runs `action`; what it tells leaves together. */
  together(action: () => void): void;
}

interface Feed {
  readonly sink: FeedSink;
  /** Its snapshot is still to come. */
  isNew: boolean;
  /** Sessions that the client knows to have the feed's status. */
  readonly shown: Set<Session>;
  /** Sessions whose state now it has not been told. */
  readonly untold: Set<Session>;
}

export class SessionsFeed implements EngineListener {
  readonly #engine: Engine;
  readonly #feeds = new Set<Feed>();
  readonly #changed = new Set<Session>();
  /** JSON of sessions; of this flush only. */
  readonly #texts = new Map<Session, string>();
  #isPlanned = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    engine.listeners.add(this);
  }

  get isFull(): boolean {
    return this.#feeds.size >= limits.feedCountMax;
  }

  /** Starts a feed with its snapshot; returns its end. */
  open(sink: FeedSink): () => void {
    const feed: Feed = { sink, isNew: true, shown: new Set(), untold: new Set() };
    this.#feeds.add(feed);
    if (!this.#trySnapshot(feed) || feed.untold.size > 0) this.#plan(limits.sessionFeedIntervalMs);
    this.#texts.clear();
    return () => this.#feeds.delete(feed);
  }

  onSession(session: Session): void {
    if (this.#feeds.size === 0) return;
    this.#changed.add(session);
    this.#plan(limits.sessionFeedIntervalMs);
  }

  onSessionRemoved(session: Session): void {
    this.onSession(session);
  }

  #plan(afterMs: number): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#engine.clock.after(afterMs, () => this.#flush());
  }

  #flush(): void {
    const startMs = this.#engine.clock.monotonicMs();
    this.#isPlanned = false;
    for (const feed of this.#feeds) if (!feed.isNew) for (const session of this.#changed) feed.untold.add(session);
    this.#changed.clear();
    let isBehind = false;
    for (const feed of [...this.#feeds]) {
      if (this.#engine.clock.monotonicMs() < startMs + limits.feedTurnMsMax) this.#tell(feed);
      isBehind ||= feed.isNew || feed.untold.size > 0;
    }
    this.#texts.clear();
    // Feeds of many busy sessions get slower instead of taking more than a tenth of the time.
    const spentMs = this.#engine.clock.monotonicMs() - startMs;
    if (isBehind || spentMs > limits.sessionFeedIntervalMs / 10) this.#plan(Math.max(limits.sessionFeedIntervalMs, spentMs * 10));
  }

  /** Says what there is room for; those that were served come last next time. */
  #tell(feed: Feed): void {
    const { sink, untold } = feed;
    if (feed.isNew && !this.#trySnapshot(feed)) return;
    if (untold.size > 0) {
      sink.together(() => {
        for (const session of untold) {
          if (sink.room() <= 0) break;
          untold.delete(session);
          this.#tellOf(feed, session);
        }
      });
    }
    if (this.#feeds.delete(feed)) this.#feeds.add(feed);
  }

  #tellOf({ sink, shown }: Feed, session: Session): void {
    const isWanted = !session.isRemoved && (sink.status === "all" || sink.status === session.status);
    const wasShown = shown.has(session);
    if (isWanted) shown.add(session);
    else shown.delete(session);
    if (session.isRemoved && wasShown) sink.removed(session.id);
    else if (isWanted || wasShown) sink.changed(this.#textOf(session));
  }

  /** Newest sessions first; what is too much for one message follows as changes. */
  #trySnapshot(feed: Feed): boolean {
    const { sink } = feed;
    if (sink.room() <= 0) return false;
    feed.isNew = false;
    const query = { status: sink.status, sort: "created", order: "desc", offset: 0, limit: Number.MAX_SAFE_INTEGER } as const;
    const texts: string[] = [];
    let sizeBytes = 0;
    for (const session of this.#engine.registry.list(query).sessions) {
      const text = sizeBytes < limits.feedSnapshotSizeBytesMax ? this.#textOf(session) : "";
      sizeBytes += text.length;
      if (sizeBytes < limits.feedSnapshotSizeBytesMax) {
        texts.push(text);
        feed.shown.add(session);
      } else feed.untold.add(session);
    }
    sink.snapshot(texts);
    return true;
  }

  #textOf(session: Session): string {
    const made = this.#texts.get(session);
    if (made !== undefined) return made;
    const text = JSON.stringify(session.toObject());
    this.#texts.set(session, text);
    return text;
  }
}
