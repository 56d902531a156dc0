/** A whole server without sockets and threads: engine, workers and lifecycle on a clock, a process table and files of the test. */
import assert from "node:assert/strict";
import { pino } from "pino";
import type { SessionId } from "#src/base/ids.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { Archivist } from "#src/server/archivist.ts";
import { Engine } from "#src/server/engine.ts";
import { Lifecycle, type LifecycleSettings } from "#src/server/lifecycle.ts";
import { isRefusal } from "#src/server/query-input.ts";
import { endLeftovers, recoverSessions } from "#src/server/recovery.ts";
import type { Session } from "#src/server/session.ts";
import type { FileLayer } from "#src/storage/files.ts";
import type { Processes } from "#src/storage/processes.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import { prepareDataDirectory } from "#src/storage/session-file.ts";
import type { SeqRange } from "#src/storage/types.ts";
import type { EntryObject, SessionInput } from "#src/wire/api.ts";
import { entryObject } from "#src/wire/entry-objects.ts";
import type { Refusal } from "#src/wire/outcome.ts";
import { backgroundTasks } from "#src/worker/background.ts";
import { QueryTasks } from "#src/worker/query.ts";
import { MemoryFiles } from "../storage/memory-files.ts";
import { HandClock } from "./hand-clock.ts";
import { InlineTasks, InlineWorker, nextTurn } from "./inline-threads.ts";

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

const settingsDefault: LifecycleSettings = {
  livenessInterval: 30_000,
  idleTimeout: 0,
  retainAge: 365 * dayMs,
  retainCount: 10_000,
  retainBytes: 10 * 2 ** 30,
  retainInterval: hourMs,
  sessionMaxBytes: 0,
  archiveAfter: 7 * dayMs,
};

/** The processes of a machine: pids and when they were started. */
export class ProcessTable implements Processes {
  readonly #starts = new Map<number, number>();
  #ticks = 1000;
  boot = "first boot";
  /** Look-ups so far. */
  lookCount = 0;
  /** No process can be looked at. */
  isBlind = false;

  startOf(pid: number): number | "unknown" | undefined {
    this.lookCount++;
    return this.isBlind ? "unknown" : this.#starts.get(pid);
  }

  bootId(): string {
    return this.boot;
  }

  /** A process gets this pid; whoever had it is gone. */
  spawn(pid: number): void {
    this.#starts.set(pid, ++this.#ticks);
  }

  kill(pid: number): void {
    this.#starts.delete(pid);
  }
}

export interface MachineOptions {
  readonly settings?: Partial<LifecycleSettings>;
  readonly files?: FileLayer;
  readonly dataDir?: string;
  readonly clock?: HandClock;
  readonly processes?: ProcessTable;
  readonly shardCount?: number;
  readonly segmentSizeBytes?: number;
  readonly ringSizeBytes?: number;
}

export class Machine {
  readonly clock: HandClock;
  readonly processes: ProcessTable;
  readonly files: FileLayer;
  readonly dataDir: string;
  readonly engine: Engine;
  readonly workers: readonly InlineWorker[];
  readonly query: InlineTasks;
  readonly background: InlineTasks;
  readonly archivist: Archivist;
  readonly lifecycle: Lifecycle;
  /** Lines of the server's own log. */
  readonly log: Record<string, unknown>[] = [];
  readonly #options: MachineOptions;
  readonly #stopTimers: () => void;
  #idCount = 0;

  constructor(options: MachineOptions = {}) {
    this.#options = options;
    this.clock = options.clock ?? new HandClock();
    this.processes = options.processes ?? new ProcessTable();
    this.files = options.files ?? new MemoryFiles();
    this.dataDir = options.dataDir ?? "data";
    const { files, dataDir, clock, processes } = this;
    prepareDataDirectory(files, dataDir);
    this.query = new InlineTasks(new QueryTasks(files, dataDir, clock));
    this.background = new InlineTasks(backgroundTasks(files, dataDir, clock));
    const { shardCount = 2, ringSizeBytes = 1 << 20, segmentSizeBytes = 1 << 16 } = options;
    const log = pino({ base: null }, { write: (line: string) => void this.log.push(JSON.parse(line)) });
    const sizes = { shardCount, ringSizeBytes, slabSizeBytes: 1 << 22 };
    this.engine = new Engine({ ...sizes, clock, log, query: this.query, background: this.background, processes });
    this.workers = this.engine.shards.map((shard) => new InlineWorker(shard, { files, dataDir, segmentSizeBytes }));
    this.archivist = new Archivist(this.engine);
    this.lifecycle = new Lifecycle(this.engine, { ...settingsDefault, ...options.settings }, processes, this.archivist);
    this.#stopTimers = this.lifecycle.start(clock);
    this.engine.gate.open();
  }

  /** Another server on the same data directory, as after a crash of this one. */
  async restarted(options: MachineOptions = {}): Promise<Machine> {
    const { clock, processes, files, dataDir } = this;
    this.#stopTimers();
    const machine = new Machine({ ...this.#options, clock, processes, files, dataDir, ...options });
    await recoverSessions(machine.engine, { sameBoot: true, syncedBeforeMs: 0 });
    await endLeftovers(machine.engine);
    return machine;
  }

  /** Moves the clock on; everything that falls due is done when this resolves. */
  advance(ms: number): Promise<void> {
    return this.clock.advance(ms, () => this.settle());
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    let quietCount = 0;
    while (quietCount < 8) {
      const isBusy =
        this.query.waitingCount > 0 || this.background.waitingCount > 0 || this.workers.some((worker) => worker.runningCount > 0);
      quietCount = isBusy ? 0 : quietCount + 1;
      await nextTurn();
    }
  }

  /** Makes a session with an id of its own, or changes one. */
  async session(input: SessionInput = {}, id: SessionId = this.#newId()): Promise<Session> {
    const made = await this.engine.createOrUpdate(id, input);
    assert.ok(!isRefusal(made), JSON.stringify(made));
    return made.session;
  }

  /** Returns a session that has ended, with one entry of its own. */
  async endedSession(text = "an entry", input: SessionInput = {}): Promise<Session> {
    const session = await this.session(input);
    await this.append(session, [text]);
    assert.equal(await this.engine.end(session, "client request"), undefined);
    return session;
  }

  /** Appends entries; stamped with the time unless they say another. */
  async append(session: Session, texts: readonly string[], atMs = this.clock.nowMs()): Promise<void> {
    assert.equal(await this.tryAppend(session, texts, atMs), undefined);
  }

  tryAppend(session: Session, texts: readonly string[], atMs = this.clock.nowMs()): Promise<Refusal | undefined> {
    const timestamp = new Date(atMs).toISOString();
    const lines = texts.map((message) => JSON.stringify({ timestamp, level: "warn", message }));
    return this.engine.appendLines(session, `${lines.join("\n")}\n`);
  }

  find(session: Session): Session | undefined {
    return this.engine.registry.find(session.id);
  }

  /** Returns the session of that id; it must be there. */
  must(session: Session): Session {
    const found = this.find(session);
    assert.ok(found !== undefined, "the session is there");
    return found;
  }

  /** Returns what a read of the whole session finds. */
  read(session: Session, cursor = 0): { entries: EntryObject[]; gaps: SeqRange[] } {
    const entries: EntryObject[] = [];
    const gaps: SeqRange[] = [];
    const view = new BlockView();
    const reader = new SegmentReader({ files: this.files, dataDir: this.dataDir });
    reader.readForward(session.id, session.segments, cursor, {
      block(bytes, offset) {
        view.openBlock(bytes, offset);
        for (let index = view.indexAfter(cursor); index < view.count; index++) entries.push(entryObject(view, index));
        return true;
      },
      gap: (range) => void gaps.push(range),
    });
    return { entries, gaps };
  }

  messages(session: Session): string[] {
    return this.read(session).entries.map((entry) => entry.message);
  }

  /** Lines of the log with this message. */
  logged(message: string): Record<string, unknown>[] {
    return this.log.filter((line) => line["msg"] === message);
  }

  #newId(): SessionId {
    return (++this.#idCount).toString(16).padStart(24, "0") as SessionId;
  }
}
