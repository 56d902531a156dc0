/** Program: closed-loop posts of requests made before, over raw sockets. A connection sends its next one when it is answered. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { serveCalls } from "../parts/program.ts";
import { readPieces } from "../parts/requests.ts";
import { latencyOf, Series } from "../parts/statistics.ts";
import type { HttpLoad, LoadResult } from "./load.ts";
import { ResponseReader } from "./responses.ts";

/** One run: counters and what all connections share. */
class Run {
  readonly #load: HttpLoad;
  readonly #heads: readonly Buffer[];
  readonly #bodies: readonly Buffer[];
  readonly #latencyMs = new Series();
  #sentCount = 0;
  #count = 0;
  #failed = 0;
  #endMs = Number.POSITIVE_INFINITY;
  #finish = () => {};

  constructor(load: HttpLoad) {
    this.#load = load;
    this.#heads = readPieces(load.directory, "heads");
    this.#bodies = readPieces(load.directory, "bodies");
  }

  async run(): Promise<LoadResult> {
    const sockets = Array.from({ length: this.#load.connections }, () => connect(this.#load.port, "127.0.0.1").setNoDelay(true));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    const cpuBefore = process.cpuUsage();
    const startedMs = performance.now();
    this.#endMs = startedMs + this.#load.seconds * 1000;
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve;
    });
    for (const socket of sockets) this.#drive(socket);
    await finished;
    const seconds = (performance.now() - startedMs) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    for (const socket of sockets) socket.destroy();
    const latency = latencyOf(this.#latencyMs.take()) ?? { p50Ms: 0, p99Ms: 0, p999Ms: 0 };
    return { count: this.#count, failed: this.#failed, seconds, cpuSeconds: (user + system) / 1e6, ...latency };
  }

  /** Ends the run at the next answers. */
  stop(): void {
    this.#endMs = 0;
  }

  #drive(socket: Socket): void {
    let sentMs = 0;
    const next = () => {
      sentMs = performance.now();
      this.#send(socket);
    };
    const reader = new ResponseReader(({ status }) => {
      const nowMs = performance.now();
      this.#latencyMs.add(nowMs - sentMs);
      if (status === 200) this.#count++;
      else this.#failed++;
      if (nowMs >= this.#endMs || this.#count + this.#failed >= (this.#load.countMax ?? Number.POSITIVE_INFINITY)) this.#finish();
      else if (this.#sentCount < (this.#load.countMax ?? Number.POSITIVE_INFINITY)) next();
    });
    socket.on("data", (chunk: Buffer) => reader.add(chunk));
    socket.on("error", () => {
      this.#failed++;
    });
    next();
  }

  #send(socket: Socket): void {
    const index = this.#sentCount++;
    socket.cork();
    socket.write(this.#heads[index % this.#heads.length] as Buffer);
    socket.write(this.#bodies[(index % this.#heads.length) % this.#bodies.length] as Buffer);
    socket.uncork();
  }
}

let running: Run | undefined;

serveCalls({
  run: (load: HttpLoad) => {
    running = new Run(load);
    return running.run();
  },
  stop: () => running?.stop(),
});
