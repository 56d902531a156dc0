/**
 * Program: open-loop posts. Each has its time, whatever became of the ones before; when all connections are busy it waits,
 * and its latency counts from the time that was meant.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { machineMs } from "../parts/clock.ts";
import { serveCalls } from "../parts/program.ts";
import { readPieces } from "../parts/requests.ts";
import { Series } from "../parts/statistics.ts";
import { ResponseReader } from "./responses.ts";

export interface PaceTask {
  readonly port: number;
  readonly directory: string;
  readonly connections: number;
  readonly ratePerSecond: number;
  readonly seconds: number;
}

export interface PaceResult {
  /** Of each batch: the cursor it was answered with, and when it was meant to leave, on the machine's clock. */
  readonly cursors: Float64Array;
  readonly meantMs: Float64Array;
  readonly failed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Timers of the event loop are a millisecond coarse: the thread sleeps itself, and looks at its sockets this often. */
const napMs = 0.1;
const napWord = new Int32Array(new SharedArrayBuffer(4));

class Run {
  readonly #task: PaceTask;
  readonly #heads: readonly Buffer[];
  readonly #bodies: readonly Buffer[];
  readonly #cursors = new Series();
  readonly #meantMs = new Series();
  readonly #idle: ((meantMs: number) => void)[] = [];
  #failed = 0;
  #answeredCount = 0;
  #sentCount = 0;

  constructor(task: PaceTask) {
    this.#task = task;
    this.#heads = readPieces(task.directory, "heads");
    this.#bodies = readPieces(task.directory, "bodies");
  }

  async run(): Promise<PaceResult> {
    const sockets = Array.from({ length: this.#task.connections }, () => connect(this.#task.port, "127.0.0.1").setNoDelay(true));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    for (const socket of sockets) this.#serve(socket);
    const cpuBefore = process.cpuUsage();
    const startedMs = machineMs();
    await new Promise<void>((resolve) => this.#turn(startedMs, resolve));
    const { user, system } = process.cpuUsage(cpuBefore);
    for (const socket of sockets) socket.destroy();
    const seconds = (machineMs() - startedMs) / 1000;
    const sent = { cursors: this.#cursors.take(), meantMs: this.#meantMs.take() };
    return { ...sent, failed: this.#failed, seconds, cpuSeconds: (user + system) / 1e6 };
  }

  /** One turn of the event loop: sends what is due and sleeps a little. */
  #turn(startedMs: number, finish: () => void): void {
    const { ratePerSecond, seconds } = this.#task;
    const countMax = Math.floor(ratePerSecond * seconds);
    let dueMs = startedMs + (this.#sentCount * 1000) / ratePerSecond;
    while (this.#sentCount < countMax && dueMs <= machineMs() && this.#idle.length > 0) {
      this.#idle.pop()?.(dueMs);
      dueMs = startedMs + (this.#sentCount * 1000) / ratePerSecond;
    }
    if (this.#answeredCount >= countMax) return finish();
    Atomics.wait(napWord, 0, 0, Math.max(0, Math.min(napMs, dueMs - machineMs())));
    setImmediate(() => this.#turn(startedMs, finish));
  }

  #serve(socket: Socket): void {
    let sentMeantMs = 0;
    const send = (meantMs: number) => {
      sentMeantMs = meantMs;
      const index = this.#sentCount++ % this.#heads.length;
      socket.cork();
      socket.write(this.#heads[index] as Buffer);
      socket.write(this.#bodies[index % this.#bodies.length] as Buffer);
      socket.uncork();
    };
    const reader = new ResponseReader(({ status }, body) => {
      this.#answeredCount++;
      if (status === 200) {
        this.#cursors.add((JSON.parse(String(body)) as { cursor: number }).cursor);
        this.#meantMs.add(sentMeantMs);
      } else this.#failed++;
      this.#idle.push(send);
    }, true);
    socket.on("data", (chunk: Buffer) => reader.add(chunk));
    this.#idle.push(send);
  }
}

serveCalls({ run: (task: PaceTask) => new Run(task).run() });
