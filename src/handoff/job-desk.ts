/**
 * The desk between the main thread and one ingest thread: a job is laid down in rows of shared memory and a bell is rung;
 * its outcome is found in the rows beside it, when the worker has sent a number. Only what is rare goes as objects.
 *
 *   main thread:  items, header ─► post (posted = number) ─► bell          reads outcomes and blocks when it was told
 *   worker:       sleeps on the bell ─► take ─► … ─► outcomes, blocks, cost ─► tells through its port
 *
 * One job is on the desk at a time. There are two sets of rows, used in turn: the outcomes of a job stay as they are while
 * the next one runs.
 */
import { assert } from "../base/assert.ts";
import { limits } from "../config.ts";
import {
  blockWordCount,
  itemWordCount,
  type Job,
  type JobLetter,
  type JobRows,
  type JobSummary,
  outcomeWordCount,
} from "./job.ts";

/** Words of control, 32 bits each. */
const controlAt = {
  /** Grows whenever the worker is wanted. */
  bell: 0,
  /** Number of the newest job. */
  posted: 1,
} as const;
/** Numbers of the job that is on the desk, and behind them those of its outcome. */
const headerAt = {
  attempt: 0,
  itemCount: 1,
  ringPosition: 2,
  ringLimit: 3,
  hasLetter: 4,
  blockCount: 5,
  busyMs: 6,
  malformedCount: 7,
  cacheMissCount: 8,
  truncatedCount: 9,
} as const;
const controlSizeBytes = 64;
const headerWordCount = 16;
const setCount = 2;
const wordSizeBytes = Float64Array.BYTES_PER_ELEMENT;
/** Numbers of jobs fit 32 bits: after the greatest one, which is odd, they begin anew. */
const jobNumberMax = 2 ** 30 - 1;
/** A job writes at most a block for each item. */
const setWordCount = limits.jobBatchCountMax * (itemWordCount + outcomeWordCount + blockWordCount);
const deskSizeBytes = controlSizeBytes + (headerWordCount + setCount * setWordCount) * wordSizeBytes;

const emptyLetter = { adoptions: [], keys: [], documents: [] };

/** Returns the number of the job behind that of `number`. */
export function nextJobNumber(number: number): number {
  return number === jobNumberMax ? 0 : number + 1;
}

export class JobDesk {
  readonly buffer: SharedArrayBuffer;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #header: Float64Array<SharedArrayBuffer>;
  readonly #sets: readonly JobRows[];

  /** @param buffer of the other thread's desk; absent: a new one. */
  constructor(buffer = new SharedArrayBuffer(deskSizeBytes)) {
    assert(buffer.byteLength === deskSizeBytes, "both threads know the same desk");
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, controlSizeBytes / Int32Array.BYTES_PER_ELEMENT);
    this.#header = new Float64Array(buffer, controlSizeBytes, headerWordCount);
    const from = controlSizeBytes + headerWordCount * wordSizeBytes;
    this.#sets = Array.from({ length: setCount }, (_, index) => rowsAt(buffer, from + index * setWordCount * wordSizeBytes));
  }

  /** Rows of the job of this number; those of the job before it are others. */
  rowsOf(number: number): JobRows {
    return this.#sets[number % setCount] as JobRows;
  }

  /** Number of the newest job that was laid down; at first 0. */
  get posted(): number {
    return Atomics.load(this.#control, controlAt.posted);
  }

  // --- main thread

  /** Lays a job down whose items are in its rows, and rings. @param hasLetter its letter was sent already. */
  post<Tail, Segment>(job: Job<Tail, Segment>, hasLetter: boolean): void {
    assert(job.number === nextJobNumber(this.posted), "jobs are numbered one by one");
    this.#header[headerAt.attempt] = job.attempt;
    this.#header[headerAt.itemCount] = job.itemCount;
    this.#header[headerAt.ringPosition] = job.ringPosition;
    this.#header[headerAt.ringLimit] = job.ringLimit;
    this.#header[headerAt.hasLetter] = hasLetter ? 1 : 0;
    Atomics.store(this.#control, controlAt.posted, job.number);
    this.ring();
  }

  /** Wakes the worker: there is a job, or a message in its port. */
  ring(): void {
    Atomics.add(this.#control, controlAt.bell, 1);
    Atomics.notify(this.#control, controlAt.bell);
  }

  /** What the worker said of the job that it has just done. */
  summary(): JobSummary {
    const header = this.#header;
    const word = (at: number) => header[at] as number;
    const cost = {
      busyMs: word(headerAt.busyMs),
      malformedCount: word(headerAt.malformedCount),
      cacheMissCount: word(headerAt.cacheMissCount),
      truncatedCount: word(headerAt.truncatedCount),
    };
    return { blockCount: word(headerAt.blockCount), cost };
  }

  // --- worker

  /** How often the bell was rung. Look at it before looking for work: what comes after that is not slept over. */
  get rings(): number {
    return Atomics.load(this.#control, controlAt.bell);
  }

  /** Takes the job of this number, which was posted. @param letter that came for it. */
  take<Tail, Segment>(number: number, letter: JobLetter<Tail, Segment> | undefined): Job<Tail, Segment> {
    const header = this.#header;
    assert((letter !== undefined) === (header[headerAt.hasLetter] === 1), "a job's letter comes before it");
    const { items, outcomes, blocks } = this.rowsOf(number);
    const { adoptions, keys, documents } = letter ?? emptyLetter;
    const attempt = header[headerAt.attempt] as number;
    const itemCount = header[headerAt.itemCount] as number;
    const ringPosition = header[headerAt.ringPosition] as number;
    const ringLimit = header[headerAt.ringLimit] as number;
    return { number, attempt, itemCount, ringPosition, ringLimit, items, outcomes, blocks, adoptions, keys, documents };
  }

  /** Says what the job did that was taken last, before the main thread is told that it is done. */
  finish({ blockCount, cost }: JobSummary): void {
    this.#header[headerAt.blockCount] = blockCount;
    this.#header[headerAt.busyMs] = cost.busyMs;
    this.#header[headerAt.malformedCount] = cost.malformedCount;
    this.#header[headerAt.cacheMissCount] = cost.cacheMissCount;
    this.#header[headerAt.truncatedCount] = cost.truncatedCount;
  }

  /** Sleeps until the bell is rung, or not at all when it was since `rings` was looked at. Blocks the thread. */
  sleep(rings: number): void {
    Atomics.wait(this.#control, controlAt.bell, rings);
  }

  /** The same without blocking the thread. */
  async rung(rings: number): Promise<void> {
    await Atomics.waitAsync(this.#control, controlAt.bell, rings).value;
  }
}

function rowsAt(buffer: SharedArrayBuffer, offset: number): JobRows {
  let from = offset;
  const rows = (wordCount: number) => {
    const words = new Float64Array(buffer, from, limits.jobBatchCountMax * wordCount);
    from += words.byteLength;
    return words;
  };
  return { items: rows(itemWordCount), outcomes: rows(outcomeWordCount), blocks: rows(blockWordCount) };
}
