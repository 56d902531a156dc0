/** Program: what JavaScript does with such bodies at least, on one core: `toString` and `JSON.parse`. */
import { serveCalls } from "../parts/program.ts";
import { readPieces } from "../parts/requests.ts";

export interface ParseTask {
  readonly directory: string;
  /** A body is one document, or one per line. */
  readonly form: "json" | "ndjson";
  readonly seconds: number;
}

export interface ParseResult {
  /** Bodies. */
  readonly count: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Entries seen, so that nothing is optimised away. */
  readonly entryCount: number;
}

function parseAll({ directory, form, seconds }: ParseTask): ParseResult {
  const bodies = readPieces(directory, "bodies");
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1000;
  let count = 0;
  let entryCount = 0;
  while (performance.now() < endMs) {
    const text = (bodies[count++ % bodies.length] as Buffer).toString("utf8");
    entryCount += form === "json" ? parseDocument(text) : parseLines(text);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { count, entryCount, seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6 };
}

function parseDocument(text: string): number {
  const value = JSON.parse(text) as unknown;
  return Array.isArray(value) ? value.length : 1;
}

function parseLines(text: string): number {
  let count = 0;
  for (const line of text.split("\n")) if (line !== "" && JSON.parse(line) !== undefined) count++;
  return count;
}

serveCalls({ run: parseAll });
