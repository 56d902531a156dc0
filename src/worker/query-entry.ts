/** What a query thread runs: the pool calls these functions by name. Files only; nothing here is shared with intake. */
import { workerData } from "node:worker_threads";
import { Piscina } from "piscina";
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import type { SessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import { compileFilter, type Filter, type FilterSpec } from "../record/filter.hot.ts";
import { Histogram } from "../record/histogram.hot.ts";
import { levelNames } from "../record/levels.ts";
import { millisecondsOf } from "../record/milliseconds.hot.ts";
import { BlockView } from "../record/scan.hot.ts";
import { type TemplateCount, TemplateSummary } from "../record/template-summary.hot.ts";
import { systemFiles } from "../storage/files.ts";
import { readReaders } from "../storage/readers-file.ts";
import { listSessions, type RecoveredSession, recoverSession } from "../storage/recover.ts";
import { SegmentReader } from "../storage/segment-reader.ts";
import type { SegmentInfo, SeqRange, StorageFailure, Trust } from "../storage/types.ts";
import { type Delta, DeltaBuilder, type DeltaForm } from "../wire/delta.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { type Page, PageBuilder, type PageRequest } from "../wire/page.ts";

/** Mirrors server/pool.ts: what the thread was born with. */
interface QueryWorkerData {
  readonly dataDir: string;
}

/** Mirrors server/delta-source.ts. */
interface FileDelta {
  readonly delta: Delta | undefined;
  readonly gap: SeqRange | undefined;
}

const { dataDir } = workerData as QueryWorkerData;
const reader = new SegmentReader({ files: systemFiles, dataDir });
const view = new BlockView();
const pages = new PageBuilder();
const deltas = new DeltaBuilder();
let indexes = new Uint32Array(1024);

/** Ids of all sessions on disk. */
export function list(): SessionId[] {
  return listSessions(systemFiles, dataDir);
}

/** What the files of these sessions hold. */
export function recover(task: { ids: readonly SessionId[]; trust: Trust }): (RecoveredSession & { id: SessionId })[] {
  return task.ids.map((id) => ({ ...recoverSession(systemFiles, dataDir, id, task.trust), id }));
}

/** The durable readers of a session. */
export function readers(id: SessionId): unknown {
  return readReaders(systemFiles, dataDir, id) ?? [];
}

/** What every task on a session's entries is given. */
interface SessionTask {
  readonly id: SessionId;
  readonly segments: readonly SegmentInfo[];
  readonly spec: FilterSpec;
}

/** One page of entries, filtered and formatted. A long scan answers with what it has. */
export function page(task: SessionTask & Pick<PageRequest, "direction" | "position" | "limit" | "format">): Page | Refusal {
  const { id, segments, direction, position, limit, format } = task;
  const endMs = systemClock.monotonicMs() + limits.readMsMax;
  pages.begin({ direction, position, limit, format, filter: filterOf(task.spec) });
  let goesOn = !pages.isFull;
  const visitor = {
    block(bytes: AnyBytes, offset: number) {
      // A gap may have ended the page: what lies behind it is the next one's, which begins with the gap.
      if (goesOn) goesOn = pages.addBlock(view.openBlock(bytes, offset)) && systemClock.monotonicMs() < endMs;
      return goesOn;
    },
    gap(range: SeqRange) {
      if (goesOn) goesOn = pages.addGap(range);
    },
  };
  let failure: StorageFailure | undefined;
  if (goesOn && direction === "after") failure = reader.readForward(id, segments, position, visitor);
  else if (goesOn) failure = reader.readBackward(id, segments, position, visitor);
  if (failure !== undefined) return unreadable(failure.message);
  const made = pages.finish();
  const entries = made.entries.slice();
  return moved({ ...made, entries }, entries);
}

/** The entries behind a cursor for subscribers, or the gap that comes first. */
export function delta(task: SessionTask & { cursor: number; form: DeltaForm }): FileDelta | Refusal {
  const { id, segments, cursor, form } = task;
  let gap: SeqRange | undefined;
  let isOver = false;
  let isEmpty = true;
  deltas.begin(form, cursor, filterOf(task.spec));
  const endMs = systemClock.monotonicMs() + limits.followReadMsMax;
  const failure = reader.readForward(id, segments, cursor, {
    block(bytes, offset) {
      if (isOver) return false;
      isEmpty = false;
      isOver = !deltas.add(view.openBlock(bytes, offset)) || systemClock.monotonicMs() > endMs;
      return !isOver;
    },
    gap(range) {
      if (isEmpty && !isOver) gap = range;
      isOver = true;
    },
  });
  if (failure !== undefined) return unreadable(failure.message);
  const made = isEmpty ? undefined : deltas.finish();
  return made === undefined ? { delta: undefined, gap } : moved({ delta: made, gap }, made.entries);
}

/** The templates of a session with their counts, the most used first. */
export function templates(task: Omit<SessionTask, "spec"> & { countMax: number }): TemplateCount[] | Refusal {
  const summary = new TemplateSummary(task.countMax);
  const failure = eachBlock(task, () => summary.add(view, 0, view.count));
  return failure ?? summary.result();
}

/** Entries per level over time and the busiest loggers. */
export function timeline(task: SessionTask & { bucketCount: number }): object | Refusal {
  const filter = compileFilter(task.spec);
  const range = timeRange(task);
  if ("code" in range) return range;
  const histogram = new Histogram(range.fromMs, range.toMs, task.bucketCount);
  const failure = eachBlock(task, () => {
    if (indexes.length < view.count) indexes = new Uint32Array(view.count * 2);
    histogram.add(view, indexes, filter.select(view, 0, view.count, indexes));
  });
  return failure ?? timelineAnswer(histogram);
}

/** First and last time of the session's blocks, within the asked range; from headers alone. */
function timeRange(task: SessionTask): { fromMs: number; toMs: number } | Refusal {
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  const failure = eachBlock(task, () => {
    fromMs = Math.min(fromMs, millisecondsOf(view.timeMinLow, view.timeMinHigh));
    toMs = Math.max(toMs, millisecondsOf(view.timeMaxLow, view.timeMaxHigh));
  });
  if (failure !== undefined) return failure;
  const { since, until } = task.spec;
  if (since !== undefined) fromMs = Math.max(fromMs, millisecondsOf(since.low, since.high));
  if (until !== undefined) toMs = Math.min(toMs, millisecondsOf(until.low, until.high));
  return fromMs <= toMs ? { fromMs, toMs } : { fromMs: 0, toMs: 0 };
}

function eachBlock(task: Pick<SessionTask, "id" | "segments">, action: () => void): Refusal | undefined {
  const failure = reader.readForward(task.id, task.segments, 0, {
    block(bytes, offset) {
      view.openBlock(bytes, offset);
      action();
      return true;
    },
    gap() {},
  });
  return failure === undefined ? undefined : unreadable(failure.message);
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

/** Hands `bytes`, which have memory of their own, over with the answer instead of copying them. */
function moved<T>(answer: T, bytes: OwnedBytes): T {
  const movable = { [Piscina.transferableSymbol]: bytes.buffer, [Piscina.valueSymbol]: answer };
  return Piscina.move(movable as unknown as ArrayBuffer) as unknown as T;
}

function filterOf(spec: FilterSpec): Filter | undefined {
  const filter = compileFilter(spec);
  return filter.isEmpty ? undefined : filter;
}

function unreadable(message: string): Refusal {
  return refuse("storage_unavailable", message, { retryAfterSeconds: 1 });
}
