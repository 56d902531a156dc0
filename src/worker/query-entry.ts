/** A query thread: the pool calls these functions by name. What they do is in query.ts. */
import { workerData } from "node:worker_threads";
import { Piscina } from "piscina";
import type { OwnedBytes } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import type { SessionId } from "../base/ids.ts";
import type { TemplateCount } from "../record/template-summary.hot.ts";
import { systemFiles } from "../storage/files.ts";
import type { RecoveredSession } from "../storage/recover.ts";
import type { Refusal } from "../wire/outcome.ts";
import type { Page } from "../wire/page.ts";
import {
  type DeltaTask,
  type FileDelta,
  type PageTask,
  QueryTasks,
  type RecoverTask,
  type TemplatesTask,
  type TimelineTask,
} from "./query.ts";

/** Mirrors server/pool.ts: what the thread was born with. */
interface QueryWorkerData {
  readonly dataDir: string;
}

const { dataDir } = workerData as QueryWorkerData;
const tasks = new QueryTasks(systemFiles, dataDir, systemClock);

/** Ids of all sessions on disk. */
export function list(): SessionId[] {
  return tasks.list();
}

/** What the files of these sessions hold. */
export function recover(task: RecoverTask): (RecoveredSession & { id: SessionId })[] {
  return tasks.recover(task);
}

/** The durable readers of a session. */
export function readers(id: SessionId): unknown {
  return tasks.readers(id);
}

/** One page of entries. */
export function page(task: PageTask): Page | Refusal {
  const made = tasks.page(task);
  return "entries" in made ? moved(made, made.entries) : made;
}

/** The entries behind a cursor for subscribers, or the gap that comes first. */
export function delta(task: DeltaTask): FileDelta | Refusal {
  const made = tasks.delta(task);
  return "delta" in made && made.delta !== undefined ? moved(made, made.delta.entries) : made;
}

/** The templates of a session with their counts. */
export function templates(task: TemplatesTask): TemplateCount[] | Refusal {
  return tasks.templates(task);
}

/** Entries per level over time and the busiest loggers. */
export function timeline(task: TimelineTask): object | Refusal {
  return tasks.timeline(task);
}

/** Hands the memory of `bytes`, which is theirs alone, over with the answer instead of copying them. */
function moved<T>(answer: T, bytes: OwnedBytes): T {
  const movable = { [Piscina.transferableSymbol]: bytes.buffer, [Piscina.valueSymbol]: answer };
  return Piscina.move(movable as unknown as ArrayBuffer) as unknown as T;
}
