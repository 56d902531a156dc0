/** The sessions feed of WebSockets: a snapshot, then changes, each session's coalesced to a few per second. */
import type { Clock } from "../base/clock.ts";
import { limits } from "../config.ts";
import type { Engine, EngineListener } from "./engine.ts";
import type { Session } from "./session.ts";

/** One subscription to the feed. */
export interface FeedSink {
  readonly status: "active" | "ended" | "all";
  /** False while the socket has no room: changes are skipped and a snapshot follows when it has. */
  hasRoom(): boolean;
  snapshot(sessions: readonly Session[]): void;
  /** Also told when the session left the status that the feed shows: once, with its new one. */
  changed(session: Session): void;
  removed(session: Session): void;
}

interface Feed {
  readonly sink: FeedSink;
  /** Sessions that the client knows to have the feed's status. */
  readonly shown: Set<Session>;
  isBehind: boolean;
}

export class SessionsFeed implements EngineListener {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #feeds = new Set<Feed>();
  readonly #changed = new Set<Session>();
  #isPlanned = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#clock = engine.clock;
    engine.listeners.add(this);
  }

  /** Starts a feed with its snapshot; returns its end. */
  open(sink: FeedSink): () => void {
    const feed: Feed = { sink, shown: new Set(), isBehind: false };
    this.#feeds.add(feed);
    this.#snapshot(feed);
    return () => this.#feeds.delete(feed);
  }

  onSession(session: Session): void {
    if (this.#feeds.size === 0) return;
    this.#changed.add(session);
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#clock.after(limits.sessionFeedIntervalMs, () => this.#flush());
  }

  onSessionRemoved(session: Session): void {
    this.#changed.delete(session);
    for (const { sink, shown } of this.#feeds) if (shown.delete(session)) sink.removed(session);
  }

  #flush(): void {
    this.#isPlanned = false;
    for (const feed of this.#feeds) {
      if (!feed.sink.hasRoom()) feed.isBehind = true;
      else if (feed.isBehind) this.#snapshot(feed);
      else for (const session of this.#changed) tell(feed, session);
    }
    this.#changed.clear();
    // A feed that is behind gets its snapshot when its socket has room, even if nothing changes any more.
    if ([...this.#feeds].some((feed) => feed.isBehind)) {
      this.#isPlanned = true;
      this.#clock.after(limits.sessionFeedIntervalMs, () => this.#flush());
    }
  }

  #snapshot(feed: Feed): void {
    feed.isBehind = false;
    const { status } = feed.sink;
    const query = { status, sort: "created", order: "desc", offset: 0, limit: Number.MAX_SAFE_INTEGER } as const;
    const { sessions } = this.#engine.registry.list(query);
    feed.shown.clear();
    for (const session of sessions) feed.shown.add(session);
    feed.sink.snapshot(sessions);
  }
}

function tell({ sink, shown }: Feed, session: Session): void {
  const isWanted = sink.status === "all" || sink.status === session.record.status;
  if (isWanted) shown.add(session);
  else if (!shown.delete(session)) return;
  sink.changed(session);
}
