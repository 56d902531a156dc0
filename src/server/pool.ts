/** Threads that do tasks: one pool that reads files, one behind; and what the ingest threads are made of. Knows URLs, not code. */
import { Piscina } from "piscina";
import type { Port } from "../handoff/job.ts";

const queryUrl = new URL("../worker/query-entry.js", import.meta.url).href;
const backgroundUrl = new URL("../worker/background-entry.js", import.meta.url).href;

/** What a query or background thread is born with. */
export interface TaskWorkerData {
  readonly dataDir: string;
}

/** What the engine needs of threads that do one task after the other; tasks are functions of the thread's file. */
export interface TaskThreads {
  /** Tasks that wait for a thread. */
  readonly waitingCount: number;
  /** Threads that have nothing to do; some may have to be started first. */
  readonly freeCount: number;
  /** Rejects when the thread died in it. @param moved memory of the task that goes to the thread: it is gone here. */
  run<Result>(name: string, task: unknown, moved?: readonly ArrayBuffer[]): Promise<Result>;
}

/** A thread makes little garbage; by itself its young generation would grow to 32 MB, some minutes after the start. */
const threadLimits = { maxYoungGenerationSizeMb: 12 };

/** How a pool is started; the rest is Piscina's default. */
export interface ThreadsOptions {
  readonly filename: string;
  readonly workerData: object;
  readonly maxThreads: number;
  readonly idleTimeout?: number;
}

/**
 * A Piscina that starts anew. By itself it gives up for good when a thread dies while it starts (no memory, no
 * descriptors), and what waits for a thread then waits for ever. Here it is rejected, and the next task gets a new pool.
 */
export class Threads {
  readonly #options: ThreadsOptions;
  readonly #onError: (error: Error) => void;
  #pool: Piscina | undefined;
  /** Tasks that run or wait. */
  #taskCount = 0;
  #isClosed = false;

  constructor(options: ThreadsOptions, onError: (error: Error) => void) {
    this.#options = options;
    this.#onError = onError;
    this.#pool = this.#start();
  }

  /** Tasks that wait for a thread. */
  get waitingCount(): number {
    return this.#pool?.queueSize ?? 0;
  }

  /** Threads that have nothing to do. */
  get freeCount(): number {
    return Math.max(0, this.#options.maxThreads - this.#taskCount);
  }

  /** Rejects when the thread died in it, or could not be started. @param moved what of the task goes to the thread. */
  async run<Result>(task: unknown, name: string, moved: readonly (ArrayBuffer | Port)[] = []): Promise<Result> {
    if (this.#isClosed) throw new Error("The threads were stopped.");
    this.#pool ??= this.#start();
    this.#taskCount++;
    try {
      return (await this.#pool.run(task, { name, transferList: [...moved] })) as Result;
    } finally {
      this.#taskCount--;
    }
  }

  /** Ends the threads, whatever they do. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pool?.destroy();
  }

  #start(): Piscina {
    const pool = new Piscina({ minThreads: 1, recordTiming: false, resourceLimits: threadLimits, ...this.#options });
    pool.on("error", this.#onError);
    // A thread that goes is replaced in the same turn, if it is replaced at all.
    pool.on("workerDestroy", () => setImmediate(() => this.#letGo(pool)));
    return pool;
  }

  /** Takes a pool without threads down, and with it what waits in it. */
  #letGo(pool: Piscina): void {
    if (this.#isClosed || this.#pool !== pool || pool.threads.length > 0) return;
    this.#pool = undefined;
    void pool.destroy();
  }
}

/** Time without a task after which a thread beyond the first one ends. */
const threadIdleMs = 60_000;

/** Threads that do tasks, whichever is free the next one. */
export class TaskPool implements TaskThreads {
  readonly #threads: Threads;

  /** One thread stays, more come when it is busy and go when they had nothing to do for a while: each costs memory and a start. */
  private constructor(filename: string, workerData: TaskWorkerData, threadCount: number, onError: (error: Error) => void) {
    this.#threads = new Threads({ filename, workerData, maxThreads: threadCount, idleTimeout: threadIdleMs }, onError);
  }

  /** Starts the threads that read files: pages, searches. */
  static query(workerData: TaskWorkerData, threadCount: number, onError: (error: Error) => void): TaskPool {
    return new TaskPool(queryUrl, workerData, threadCount, onError);
  }

  /** Starts the threads for what may take long: archives, removals. */
  static background(workerData: TaskWorkerData, threadCount: number, onError: (error: Error) => void): TaskPool {
    return new TaskPool(backgroundUrl, workerData, threadCount, onError);
  }

  get waitingCount(): number {
    return this.#threads.waitingCount;
  }

  get freeCount(): number {
    return this.#threads.freeCount;
  }

  run<Result>(name: string, task: unknown, moved?: readonly ArrayBuffer[]): Promise<Result> {
    return this.#threads.run(task, name, moved);
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}
