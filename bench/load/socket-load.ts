/** Program: closed-loop messages over WebSockets, frames made before; each socket keeps a window of unanswered ones. */
import type { Socket } from "node:net";
import { serveCalls } from "../parts/program.ts";
import { readPieces } from "../parts/requests.ts";
import { latencyOf, Series } from "../parts/statistics.ts";
import type { LoadResult, SocketLoad } from "./load.ts";
import { FrameReader, openWebSocket } from "./web-socket.ts";

/** Where the type of a message stands: `{"type":"ack"` or `{"type":"error"`. */
const typeAt = 9;
const letter = { a: 0x61, e: 0x65 } as const;

/** All frames behind each other, twice, so that any run of them is one view. */
class FrameTape {
  readonly count: number;
  readonly #bytes: Buffer;
  readonly #ends: number[] = [0];

  constructor(directory: string) {
    const frames = readPieces(directory, "frames");
    this.count = frames.length;
    this.#bytes = Buffer.concat([...frames, ...frames]);
    for (const { length } of [...frames, ...frames]) this.#ends.push((this.#ends.at(-1) as number) + length);
  }

  /** Returns `count` frames from the `index`-th on; at most as many as there are. */
  view(index: number, count: number): Buffer {
    return this.#bytes.subarray(this.#ends[index % this.count], this.#ends[(index % this.count) + count]);
  }
}

interface StreamOptions {
  readonly window: number;
  /** Index of the first frame. */
  readonly from: number;
  readonly latencyMs: Series;
  readonly isEcho: boolean;
}

/** One socket: sends as many as were answered. Answers come in the order of the messages when all go to one session. */
class Stream {
  readonly #socket: Socket;
  readonly #tape: FrameTape;
  readonly #sentMs: Float64Array;
  readonly #latencyMs: Series;
  readonly #isEcho: boolean;
  count = 0;
  failed = 0;
  #sentCount = 0;
  #next: number;
  #isOver = false;

  constructor(socket: Socket, tape: FrameTape, options: StreamOptions) {
    this.#socket = socket;
    this.#tape = tape;
    this.#sentMs = new Float64Array(options.window);
    this.#latencyMs = options.latencyMs;
    this.#isEcho = options.isEcho;
    this.#next = options.from;
  }

  start(): void {
    const reader = new FrameReader(this.#socket, (head) => this.#answered(head));
    this.#socket.on("data", (chunk: Buffer) => {
      const before = this.count + this.failed;
      reader.add(chunk);
      this.#send(this.count + this.failed - before);
    });
    this.#send(Math.min(this.#sentMs.length, this.#tape.count));
    this.#socket.resume();
  }

  stop(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #answered(head: Buffer): void {
    const kind = this.#isEcho ? letter.a : head[typeAt];
    if (kind === letter.e) this.failed++;
    else if (kind !== letter.a) return;
    else this.count++;
    const sentMs = this.#sentMs[(this.count + this.failed - 1) % this.#sentMs.length] as number;
    this.#latencyMs.add(performance.now() - sentMs);
  }

  #send(count: number): void {
    if (count === 0 || this.#isOver) return;
    const nowMs = performance.now();
    for (let index = 0; index < count; index++) this.#sentMs[this.#sentCount++ % this.#sentMs.length] = nowMs;
    this.#socket.write(this.#tape.view(this.#next, count));
    this.#next += count;
  }
}

async function run(load: SocketLoad): Promise<LoadResult> {
  const tape = new FrameTape(load.directory);
  const latencyMs = new Series();
  const sockets = await Promise.all(Array.from({ length: load.sockets }, () => openWebSocket(load)));
  const window = Math.min(load.window, tape.count);
  const streams = sockets.map((socket, index) => {
    const from = Math.floor((index * tape.count) / load.sockets);
    return new Stream(socket, tape, { window, from, latencyMs, isEcho: load.isEcho });
  });
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  for (const stream of streams) stream.start();
  await new Promise((resolve) => setTimeout(resolve, load.seconds * 1000));
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const total = (pick: (stream: Stream) => number) => streams.reduce((sum, stream) => sum + pick(stream), 0);
  const [count, failed] = [total((stream) => stream.count), total((stream) => stream.failed)];
  for (const stream of streams) stream.stop();
  const latency = latencyOf(latencyMs.take()) ?? { p50Ms: 0, p99Ms: 0, p999Ms: 0 };
  return { count, failed, seconds, cpuSeconds: (user + system) / 1e6, ...latency };
}

serveCalls({ run });
