/** What the query threads do: read the files of sessions. The main thread calls these by name; nothing is shared with intake. */
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { SessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import { compileFilter, type Filter, type FilterSpec } from "../record/filter.hot.ts";
import { Histogram } from "../record/histogram.hot.ts";
import { levelNames } from "../record/levels.ts";
import { millisecondsOf } from "../record/milliseconds.hot.ts";
import { BlockView } from "../record/scan.hot.ts";
import { type TemplateCount, TemplateSummary } from "../record/template-summary.hot.ts";
import type { FileLayer } from "../storage/files.ts";
import { readReaders } from "../storage/readers-file.ts";
import { listSessions, type RecoveredSession, recoverSession } from "../storage/recover.ts";
import { SegmentReader } from "../storage/segment-reader.ts";
import type { SegmentInfo, SeqRange, StorageFailure, Trust } from "../storage/types.ts";
import { type Delta, DeltaBuilder, type DeltaForm } from "../wire/delta.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { type Page, PageBuilder, type PageRequest } from "../wire/page.ts";

/** Mirrors server/delta-source.ts. */
export interface FileDelta {
  readonly delta: Delta | undefined;
  readonly gap: SeqRange | undefined;
}

interface SegmentsTask {
  readonly id: SessionId;
  readonly segments: readonly SegmentInfo[];
}

/** What every task on chosen entries is given. */
interface EntriesTask extends SegmentsTask {
  readonly spec: FilterSpec;
}

export type RecoverTask = { readonly ids: readonly SessionId[]; readonly trust: Trust };
export type PageTask = EntriesTask &
  Pick<PageRequest, "direction" | "position" | "limit" | "format"> & { readonly memory: OwnedBytes };
export type DeltaTask = EntriesTask & { readonly cursor: number; readonly form: DeltaForm };
export type TemplatesTask = SegmentsTask & { readonly countMax: number };
export type TimelineTask = EntriesTask & { readonly bucketCount: number };

/** The tasks by the names that the main thread calls them. */
export class QueryTasks {
  readonly #files: FileLayer;
  readonly #dataDir: string;
  readonly #clock: Clock;
  readonly #reader: SegmentReader;
  readonly #view = new BlockView();
  readonly #pages = new PageBuilder();
  readonly #deltas = new DeltaBuilder();
  #indexes = new Uint32Array(1024);

  constructor(files: FileLayer, dataDir: string, clock: Clock) {
    this.#files = files;
    this.#dataDir = dataDir;
    this.#clock = clock;
    this.#reader = new SegmentReader({ files, dataDir });
  }

  /** Ids of all sessions on disk. */
  list(): SessionId[] {
    return listSessions(this.#files, this.#dataDir);
  }

  /** What the files of these sessions hold. */
  recover(task: RecoverTask): (RecoveredSession & { id: SessionId })[] {
    return task.ids.map((id) => ({ ...recoverSession(this.#files, this.#dataDir, id, task.trust), id }));
  }

  /** The durable readers of a session as they are stored; null: they are damaged. */
  readers(id: SessionId): unknown {
    const readers = readReaders(this.#files, this.#dataDir, id);
    return readers === undefined ? [] : readers;
  }

  /** One page of entries, filtered and formatted, in the task's memory. A long scan answers with what it has. */
  page(task: PageTask): Page | Refusal {
    const { id, segments, direction, position, limit, format, memory } = task;
    const endMs = this.#clock.monotonicMs() + limits.readMsMax;
    this.#pages.begin({ direction, position, limit, format, filter: filterOf(task.spec) }, memory);
    let goesOn = !this.#pages.isFull;
    const visitor = {
      block: (bytes: AnyBytes, offset: number) => {
        // A gap may have ended the page: what lies behind it is the next one's, which begins with the gap.
        if (goesOn) goesOn = this.#pages.addBlock(this.#view.openBlock(bytes, offset)) && this.#clock.monotonicMs() < endMs;
        return goesOn;
      },
      gap: (range: SeqRange) => {
        if (goesOn) goesOn = this.#pages.addGap(range);
      },
    };
    let failure: StorageFailure | undefined;
    if (goesOn && direction === "after") failure = this.#reader.readForward(id, segments, position, visitor);
    else if (goesOn) failure = this.#reader.readBackward(id, segments, position, visitor);
    if (failure !== undefined) return unreadable(failure.message);
    return this.#pages.finish();
  }

  /** The entries behind a cursor for subscribers, or the gap that comes first. */
  delta(task: DeltaTask): FileDelta | Refusal {
    const { id, segments, cursor, form } = task;
    let gap: SeqRange | undefined;
    let isOver = false;
    let isEmpty = true;
    this.#deltas.begin(form, cursor, filterOf(task.spec));
    const endMs = this.#clock.monotonicMs() + limits.followReadMsMax;
    const failure = this.#reader.readForward(id, segments, cursor, {
      block: (bytes, offset) => {
        if (isOver) return false;
        isEmpty = false;
        isOver = !this.#deltas.add(this.#view.openBlock(bytes, offset)) || this.#clock.monotonicMs() > endMs;
        return !isOver;
      },
      gap: (range) => {
        if (isEmpty && !isOver) gap = range;
        isOver = true;
      },
    });
    if (failure !== undefined) return unreadable(failure.message);
    return { delta: isEmpty ? undefined : this.#deltas.finish(), gap };
  }

  /** The templates of a session with their counts, the most used first. */
  templates(task: TemplatesTask): TemplateCount[] | Refusal {
    const summary = new TemplateSummary(task.countMax);
    const failure = this.#eachBlock(task, () => summary.add(this.#view, 0, this.#view.count));
    return failure ?? summary.result();
  }

  /** Entries per level over time and the busiest loggers. */
  timeline(task: TimelineTask): object | Refusal {
    const filter = compileFilter(task.spec);
    const range = this.#timeRange(task);
    if ("code" in range) return range;
    const histogram = new Histogram(range.fromMs, range.toMs, task.bucketCount);
    const failure = this.#eachBlock(task, () => {
      if (this.#indexes.length < this.#view.count) this.#indexes = new Uint32Array(this.#view.count * 2);
      histogram.add(this.#view, this.#indexes, filter.select(this.#view, 0, this.#view.count, this.#indexes));
    });
    return failure ?? timelineAnswer(histogram);
  }

  /** First and last time of the session's blocks, within the asked range; from headers alone. */
  #timeRange(task: EntriesTask): { fromMs: number; toMs: number } | Refusal {
    let fromMs = Number.POSITIVE_INFINITY;
    let toMs = Number.NEGATIVE_INFINITY;
    const failure = this.#eachBlock(task, () => {
      fromMs = Math.min(fromMs, millisecondsOf(this.#view.timeMinLow, this.#view.timeMinHigh));
      toMs = Math.max(toMs, millisecondsOf(this.#view.timeMaxLow, this.#view.timeMaxHigh));
    });
    if (failure !== undefined) return failure;
    const { since, until } = task.spec;
    if (since !== undefined) fromMs = Math.max(fromMs, millisecondsOf(since.low, since.high));
    if (until !== undefined) toMs = Math.min(toMs, millisecondsOf(until.low, until.high));
    return fromMs <= toMs ? { fromMs, toMs } : { fromMs: 0, toMs: 0 };
  }

  #eachBlock(task: SegmentsTask, action: () => void): Refusal | undefined {
    const failure = this.#reader.readForward(task.id, task.segments, 0, {
      block: (bytes, offset) => {
        this.#view.openBlock(bytes, offset);
        action();
        return true;
      },
      gap: () => {},
    });
    return failure === undefined ? undefined : unreadable(failure.message);
  }
}

function timelineAnswer(histogram: Histogram): object {
  const levels: Record<string, number[]> = {};
  for (let level = 0; level < levelNames.length; level++) {
    const from = level * histogram.bucketCount;
    const row = histogram.counts.subarray(from, from + histogram.bucketCount);
    if (row.some((count) => count > 0)) levels[levelNames[level] || "none"] = [...row];
  }
  return {
    from: new Date(histogram.fromMs).toISOString(),
    to: new Date(histogram.fromMs + histogram.bucketMs * histogram.bucketCount).toISOString(),
    bucket_ms: histogram.bucketMs,
    levels,
    loggers: histogram.topLoggers(50),
    total: histogram.total,
  };
}

function filterOf(spec: FilterSpec): Filter | undefined {
  const filter = compileFilter(spec);
  return filter.isEmpty ? undefined : filter;
}

function unreadable(message: string): Refusal {
  return refuse("storage_unavailable", message, { retryAfterSeconds: 1 });
}
