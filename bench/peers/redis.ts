/**
 * Program: the same entries into Redis Streams. One XADD per entry, pipelined, appended to a file that is synced every
 * second. Speaks RESP itself.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { GeneratedEntry } from "#src/client/generator.ts";
import { serveCalls } from "../parts/program.ts";
import { entriesOf } from "../parts/workload.ts";

export interface RedisTask {
  readonly port: number;
  readonly connections: number;
  /** Commands sent before their answers are read. */
  readonly pipeline: number;
  readonly seconds: number;
}

export interface PeerResult {
  readonly count: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly sizeBytes: number;
}

const pipelineVariantCount = 16;
const answerStart = 0x24; // $: every answer is one id as a bulk string
const errorStart = 0x2d;

function commandOf({ timeMs, level, logger, message }: GeneratedEntry): Buffer {
  const parts = ["XADD", "bench", "*", "t", String(timeMs), "l", level, "n", logger, "m", message];
  return Buffer.from(`*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`);
}

async function run({ port, connections, pipeline, seconds }: RedisTask): Promise<PeerResult> {
  const entries = entriesOf("plain", pipeline * pipelineVariantCount);
  const pipelines = Array.from({ length: pipelineVariantCount }, (_, index) =>
    Buffer.concat(entries.slice(index * pipeline, (index + 1) * pipeline).map(commandOf)),
  );
  const sockets = Array.from({ length: connections }, () => connect(port, "127.0.0.1").setNoDelay(true));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const counts = await Promise.all(sockets.map((socket) => drive(socket, pipelines, pipeline, startedMs + seconds * 1000)));
  const tookSeconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  for (const socket of sockets) socket.destroy();
  const count = counts.reduce((sum, one) => sum + one, 0);
  const sizeBytes = (count / pipeline) * (pipelines.reduce((sum, { length }) => sum + length, 0) / pipelines.length);
  return { count, sizeBytes, seconds: tookSeconds, cpuSeconds: (user + system) / 1e6 };
}

/** Sends a pipeline when the one before is answered; resolves with how many entries were. */
function drive(socket: Socket, pipelines: readonly Buffer[], size: number, endMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0;
    let sent = 0;
    const next = () => socket.write(pipelines[sent++ % pipelines.length] as Buffer);
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      if (chunk[0] === errorStart) return reject(new Error(chunk.toString("utf8", 0, 200)));
      // Ids hold no dollar sign, so each one that comes is an answer.
      for (let at = chunk.indexOf(answerStart); at >= 0; at = chunk.indexOf(answerStart, at + 1)) count++;
      if (count < sent * size) return;
      if (performance.now() < endMs) next();
      else resolve(count);
    });
    next();
  });
}

serveCalls({ run });
