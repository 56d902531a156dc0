/**
 * Following one session to its end: over the WebSocket, by long polling where there is none, across restarts of the
 * server. Each entry comes once, in order.
 */
import type { Clock } from "../base/clock.ts";
import { waitingClock } from "../base/clock.ts";
import type { EntryObject, FilterInput, Gap, LogPage } from "../wire/api.ts";
import { type BackoffOptions, backoffDefaults, backoffMs, delay } from "./backoff.ts";
import type { TailraceClient } from "./client.ts";
import { TailraceError } from "./errors.ts";
import { EventQueue } from "./event-queue.ts";
import { LiveClient } from "./live.ts";
import type { LiveState, OpenSocket } from "./live-socket.ts";

export interface FollowOptions extends FilterInput {
  readonly session: string;
  /** Entries after this seq. */
  readonly cursor: number;
  /** Absent: polling only. */
  readonly openSocket?: OpenSocket | undefined;
  /** Shortest time between two polls. */
  readonly intervalMs?: number;
  /** How long the server may be away before it counts as gone, and an interrupted session before it counts as ended. */
  readonly goneAfterMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
}

export type FollowEvent =
  | { readonly type: "entries"; readonly entries: EntryObject[]; readonly cursor: number; readonly head: number }
  | { readonly type: "gap"; readonly gap: Gap }
  | { readonly type: "connected"; readonly via: "websocket" | "polling" }
  | { readonly type: "lost"; readonly reason: string }
  /** The session was ended by a restart of the server; its program may come back to it. */
  | { readonly type: "interrupted"; readonly reason: string }
  | { readonly type: "resumed" }
  /** The last event: one of these two. */
  | { readonly type: "ended"; readonly reason: string }
  | { readonly type: "gone"; readonly reason: string };

const intervalMsDefault = 500;
const goneAfterMsDefault = 60_000;
/** Long polls are held a little shorter than the server's limit of 30 s, which proxies like to cut at. */
const pollWaitMs = 20_000;
/** Entries that wait for a slow reader before the flow is paused; about 10 MB of usual log. */
const waitingCountMax = 20_000;
/** Failures of the WebSocket while plain requests work, after which polling takes over. */
const socketFailureCountMax = 2;
const resumeCheckMs = 500;

type Phase = "ended" | "gone" | "unsupported";

/** What the phases of one follow share. */
interface Course {
  readonly client: TailraceClient;
  readonly options: FollowOptions;
  readonly clock: Clock;
  readonly backoff: BackoffOptions;
  readonly goneAfterMs: number;
  cursor: number;
  /** Why the session ended or the server is gone. */
  reason: string;
  /** Whether the connection broke since the session was last seen active. */
  wasLost: boolean;
}

/** Yields what happens in a session after `cursor`; returns after `ended` or `gone`; throws what the server refuses. */
export async function* follow(client: TailraceClient, options: FollowOptions): AsyncGenerator<FollowEvent, void> {
  const course: Course = {
    client,
    options,
    clock: options.clock ?? waitingClock,
    backoff: options.backoff ?? backoffDefaults,
    goneAfterMs: options.goneAfterMs ?? goneAfterMsDefault,
    cursor: options.cursor,
    reason: "",
    wasLost: false,
  };
  let phase: Phase = "unsupported";
  let isSocketUsable = options.openSocket !== undefined;
  for (;;) {
    if (isSocketUsable) phase = yield* followLive(course, options.openSocket as OpenSocket);
    if (phase === "unsupported") {
      isSocketUsable = false;
      phase = yield* followPolling(course);
    }
    if (phase === "gone") break;
    if (!isInterruption(course)) break;
    yield { type: "interrupted", reason: course.reason };
    const outcome = await waitForResume(course);
    if (outcome === "ended") break;
    yield { type: "resumed" };
    course.wasLost = false;
    if (!isSocketUsable) phase = "unsupported";
  }
  yield { type: phase === "gone" ? "gone" : "ended", reason: course.reason };
}

/** A session that was active when its server went down is ended by the next start; its program may resume it. */
function isInterruption(course: Course): boolean {
  return course.wasLost && course.reason === "server restart";
}

async function waitForResume(course: Course): Promise<"active" | "ended"> {
  const { options, clock } = course;
  const startMs = clock.monotonicMs();
  while (clock.monotonicMs() - startMs < course.goneAfterMs) {
    await delay(clock, resumeCheckMs, options.signal);
    const session = await tryGetSession(course);
    // Resumed and ended in between: the rest is read by another round.
    if (session?.status === "active" || (session !== undefined && session.end_reason !== course.reason)) return "active";
  }
  return "ended";
}

async function tryGetSession(course: Course) {
  try {
    return await course.client.getSession(course.options.session, { signal: course.options.signal, retry: false });
  } catch (error) {
    if (error instanceof TailraceError && error.isTransient) return undefined;
    throw error;
  }
}

function filterOf(options: FollowOptions): FilterInput {
  const { level, logger, q, template, since, until } = options;
  return Object.fromEntries(
    Object.entries({ level, logger, q, template, since, until }).filter(([, value]) => value !== undefined),
  );
}

type LiveEvent = FollowEvent | { readonly type: "unsupported" };

async function* followLive(course: Course, openSocket: OpenSocket): AsyncGenerator<FollowEvent, Phase> {
  const { options, clock, backoff } = course;
  const queue = new EventQueue<LiveEvent>();
  const watch = new ConnectionWatch(course, queue);
  const live = new LiveClient({
    url: course.client.http.url,
    openSocket,
    clock,
    backoff,
    onState: (state) => watch.changed(state),
  });
  const giveUp = () => queue.fail(options.signal?.reason);
  options.signal?.addEventListener("abort", giveUp, { once: true });
  if (options.signal?.aborted) giveUp();
  const subscription = live.subscribe(
    { session: options.session, cursor: course.cursor, ...filterOf(options) },
    {
      onSubscribed: () => watch.subscribed(),
      onEntries: (entries, cursor, head) => {
        queue.push({ type: "entries", entries, cursor, head }, entries.length + 1);
        if (queue.weight > waitingCountMax) subscription.pause();
      },
      onGap: (gap) => queue.push({ type: "gap", gap }),
      onEnded: (reason) => queue.push({ type: "ended", reason }),
      onError: (error) => queue.fail(error),
    },
  );
  try {
    for (;;) {
      for (const event of await queue.takeAll()) {
        if (event.type === "unsupported") return "unsupported";
        if (event.type === "ended" || event.type === "gone") {
          course.reason = event.reason;
          return event.type;
        }
        if (event.type === "entries") course.cursor = event.cursor;
        if (event.type !== "entries" || event.entries.length > 0) yield event;
      }
      subscription.resume();
    }
  } finally {
    options.signal?.removeEventListener("abort", giveUp);
    watch.stop();
    live.close();
  }
}

/** Turns states of the connection into events, and decides when polling is the better way or the server is gone. */
class ConnectionWatch {
  readonly #course: Course;
  readonly #queue: EventQueue<LiveEvent>;
  #isLost = false;
  #wasOpen = false;
  /** Whether the break was told, so that it is told once. */
  #isTold = false;
  /** Failures of the socket while the server was ready. */
  #blockedCount = 0;
  #cancelGone = () => {};

  constructor(course: Course, queue: EventQueue<LiveEvent>) {
    this.#course = course;
    this.#queue = queue;
  }

  changed(state: LiveState): void {
    if (state.kind === "waiting") this.#lost(state.reason);
  }

  subscribed(): void {
    this.#cancelGone();
    this.#isLost = false;
    this.#isTold = false;
    this.#wasOpen = true;
    this.#queue.push({ type: "connected", via: "websocket" });
  }

  stop(): void {
    this.#cancelGone();
  }

  #lost(reason: string): void {
    const { clock, goneAfterMs } = this.#course;
    if (!this.#isLost) {
      this.#isLost = true;
      this.#cancelGone = clock.after(goneAfterMs, () => this.#queue.push({ type: "gone", reason }));
      if (this.#wasOpen) this.#tell(reason);
    }
    if (!this.#wasOpen) this.#probe(reason);
  }

  #tell(reason: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#course.wasLost = true;
    this.#queue.push({ type: "lost", reason });
  }

  /** Sockets that fail where plain requests work, more than once: something between does not let them through. */
  #probe(reason: string): void {
    this.#course.client.isReady({ signal: this.#course.options.signal }).then(
      (isReady) => {
        if (!this.#isLost) return;
        if (!isReady) this.#tell(reason);
        else if (++this.#blockedCount >= socketFailureCountMax) this.#queue.push({ type: "unsupported" });
      },
      (error) => this.#queue.fail(error),
    );
  }
}

async function* followPolling(course: Course): AsyncGenerator<FollowEvent, Phase> {
  const { options, clock } = course;
  let isConnected = false;
  let attempt = 0;
  let lostAtMs = 0;
  for (;;) {
    const startMs = clock.monotonicMs();
    let poll: Poll;
    try {
      // Not held while nothing is known: an ended session would keep it for the whole time.
      poll = await pollOnce(course, isConnected ? pollWaitMs : 0);
    } catch (error) {
      if (!(error instanceof TailraceError && error.isTransient)) throw error;
      if (attempt++ === 0) {
        lostAtMs = startMs;
        course.wasLost = true;
        yield { type: "lost", reason: error.message };
      }
      isConnected = false;
      course.reason = error.message;
      if (clock.monotonicMs() - lostAtMs >= course.goneAfterMs) return "gone";
      await delay(clock, backoffMs(attempt, course.backoff), options.signal);
      continue;
    }
    const { page, isOver } = poll;
    attempt = 0;
    if (!isConnected) yield { type: "connected", via: "polling" };
    isConnected = true;
    if (page.gap !== undefined) yield { type: "gap", gap: page.gap };
    if (page.entries.length > 0) yield { type: "entries", entries: page.entries, cursor: course.cursor, head: page.head };
    if (isOver) return "ended";
    const restMs = (options.intervalMs ?? intervalMsDefault) - (clock.monotonicMs() - startMs);
    if (!page.more && restMs > 0) await delay(clock, restMs, options.signal);
  }
}

interface Poll {
  readonly page: LogPage;
  readonly isOver: boolean;
}

async function pollOnce(course: Course, wait: number): Promise<Poll> {
  const { client, options } = course;
  const query = { cursor: course.cursor, limit: 10_000, wait, ...filterOf(options) };
  const page = await client.readPage(options.session, query, { signal: options.signal, retry: false });
  // The session is looked at after the page, and counts as over only when the page reached its head.
  const session = page.more ? undefined : await client.getSession(options.session, { signal: options.signal, retry: false });
  course.cursor = Math.max(course.cursor, page.cursor);
  if (session?.status !== "ended" || session.head > course.cursor) return { page, isOver: false };
  course.reason = session.end_reason ?? "";
  return { page, isOver: true };
}
