/** Keeps the counts of one session and filter fresh: again when the log has grown, never more often than they take. */
import type { TailraceClient } from "../../client/client.ts";
import { type LogFilter, serverFilterOf } from "../model/filter.ts";
import { type LogStats, readStats } from "./stats.ts";

/** Bars of the timeline. */
const bucketCount = 160;
/** Shortest pause between two requests. */
const pauseMsMin = 2000;
/** The server may be busy with counting for this share of the time. */
const pausePerWork = 10;

export class StatsPoll {
  /** Counts under the filter; its level is left out, so that all levels have counts. */
  stats: LogStats | undefined;
  /** False when the server has no counts to give. */
  isCounted = true;
  /** Loggers of the whole session. */
  loggers: LogStats["loggers"] = [];
  /** Entries that match the whole filter. */
  matchCount: number | undefined;
  readonly #client: TailraceClient;
  readonly #onChange: () => void;
  #session = "";
  #filter: LogFilter | undefined;
  #head = -1;
  #seenHead = 0;
  #abort = new AbortController();
  #timer = 0;

  constructor(client: TailraceClient, onChange: () => void) {
    this.#client = client;
    this.#onChange = onChange;
  }

  /** Counts something else from now on. */
  watch(session: string, filter: LogFilter): void {
    if (session !== this.#session) {
      this.stats = undefined;
      this.loggers = [];
    }
    this.#session = session;
    this.#filter = filter;
    this.#head = -1;
    this.matchCount = undefined;
    this.#restart();
  }

  /** Tells how far the log reaches now. */
  seen(head: number): void {
    this.#seenHead = head;
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  #restart(): void {
    this.close();
    this.#abort = new AbortController();
    void this.#poll(this.#abort.signal);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const startMs = performance.now();
    const isStale = this.#seenHead !== this.#head || this.#head < 0;
    if (isStale && document.visibilityState === "visible") await this.#read(signal);
    if (signal.aborted) return;
    const pauseMs = Math.max(pauseMsMin, (performance.now() - startMs) * pausePerWork);
    this.#timer = window.setTimeout(() => void this.#poll(signal), pauseMs);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const head = this.#seenHead;
    const { level, ...rest } = serverFilterOf(this.#filter!);
    const isPlain = Object.keys(rest).length === 0;
    try {
      const stats = await readStats(this.#client, this.#session, { buckets: bucketCount, ...rest }, signal);
      if (stats === undefined) {
        this.isCounted = false;
        this.close();
        return;
      }
      if (isPlain) this.loggers = stats.loggers;
      else if (this.loggers.length === 0 || rest.logger !== undefined) {
        const whole = await readStats(this.#client, this.#session, { buckets: 1 }, signal);
        this.loggers = whole?.loggers ?? [];
      }
      if (signal.aborted) return;
      this.stats = stats;
      this.matchCount = countFrom(stats, level);
      this.#head = head;
      this.#onChange();
    } catch {
      // Counts are an addition: the log itself tells when the server is away.
      return;
    }
  }
}

const levels = ["trace", "debug", "info", "warn", "error", "critical"] as const;

function countFrom(stats: LogStats, level: string | undefined): number {
  if (level === undefined) return stats.total;
  return levels
    .slice(levels.indexOf(level as (typeof levels)[number]))
    .reduce((sum, name) => sum + (stats.levels[name] ?? []).reduce((count, value) => count + value, 0), 0);
}
