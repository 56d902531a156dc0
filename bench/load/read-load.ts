/** Program: reads pages one after the other over one connection, and drops them. */
import { once } from "node:events";
import { connect } from "node:net";
import { serveCalls } from "../parts/program.ts";
import { latencyOf, Series } from "../parts/statistics.ts";
import { type HttpAnswer, ResponseReader } from "./responses.ts";

export interface ReadTask {
  readonly port: number;
  /** Asked for one after the other; with `follows`, each of them is read from its first page to its last. */
  readonly paths: readonly string[];
  /** Paths lack a cursor: 0 comes first, then that of each answer, until there is no more. */
  readonly follows: boolean;
  /** Line feeds are counted: entries of NDJSON. */
  readonly countsLines: boolean;
}

export interface ReadResult {
  readonly pageCount: number;
  readonly lineCount: number;
  /** Bodies only. */
  readonly sizeBytes: number;
  readonly pageSizesBytes: readonly number[];
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

const lineFeed = 0x0a;

async function run({ port, paths, follows, countsLines }: ReadTask): Promise<ReadResult> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  await once(socket, "connect");
  let onAnswer = (_: HttpAnswer, __: Buffer | undefined) => {};
  const reader = new ResponseReader((answer, body) => onAnswer(answer, body), countsLines);
  socket.on("data", (chunk: Buffer) => reader.add(chunk));
  const latencyMs = new Series();
  const pageSizesBytes: number[] = [];
  let lineCount = 0;
  const get = (path: string) =>
    new Promise<HttpAnswer>((resolve, reject) => {
      const sentMs = performance.now();
      onAnswer = (answer, body) => {
        latencyMs.add(performance.now() - sentMs);
        pageSizesBytes.push(answer.bodySizeBytes);
        if (body !== undefined) lineCount += linesOf(body);
        if (answer.status === 200) resolve(answer);
        else reject(new Error(`${path}: ${answer.head}`));
      };
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    });
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  for (const path of paths) {
    let answer = await get(follows ? `${path}&cursor=0` : path);
    while (follows && header(answer, "tailrace-more") === "true")
      answer = await get(`${path}&cursor=${header(answer, "tailrace-cursor")}`);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  socket.destroy();
  const sizeBytes = pageSizesBytes.reduce((sum, size) => sum + size, 0);
  const latency = latencyOf(latencyMs.take()) ?? { p50Ms: 0, p99Ms: 0, p999Ms: 0 };
  const counted = { pageCount: pageSizesBytes.length, lineCount, sizeBytes, pageSizesBytes };
  return { ...counted, seconds, cpuSeconds: (user + system) / 1e6, ...latency };
}

function linesOf(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf(lineFeed); at >= 0; at = body.indexOf(lineFeed, at + 1)) count++;
  return count;
}

function header({ head }: HttpAnswer, name: string): string {
  return new RegExp(`^${name}: *(.*)$`, "im").exec(head)?.[1]?.trim() ?? "";
}

serveCalls({ run });
