/** `tailrace export`: a session, or what of it matches, as lines. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename, unlink } from "node:fs/promises";
import { type Command, Option } from "commander";
import type { ExportFormat, ReadQuery, TailraceClient } from "../../client/client.ts";
import { levelName, timeOrAgo } from "../arguments.ts";
import { type ClientOptions, CommandError, type Context, clientCommand, clientOf, run } from "../command.ts";
import { countText, sizeText } from "../format.ts";
import { noProgress, startProgress } from "../progress.ts";
import { resolveSession } from "../session-argument.ts";
import { visible, visibleJson } from "../terminal.ts";

interface Options extends ClientOptions {
  format: ExportFormat;
  output?: string;
  level?: string;
  logger?: string;
  grep?: string;
  since?: string;
  until?: string;
}

const pageCountMax = 10_000;
const lineFeed = 0x0a;

/** Registers `export`. */
export function registerExport(program: Command): void {
  const command = clientCommand(program, "export <session>", "write a session as NDJSON, text or CSV", [
    "tailrace export 66f0 -o run.ndjson",
    "tailrace export 66f0 --format csv --level warn > warnings.csv",
    "tailrace export 66f0 | gzip > run.ndjson.gz",
  ])
    .addOption(new Option("--format <format>", "form of the lines").choices(["ndjson", "text", "csv"]).default("ndjson"))
    .option("-o, --output <file>", "file to write, put in place when it is complete; default: standard output")
    .option("--level <level>", "only entries of this level or above", levelName)
    .option("--logger <name>", "only entries of this logger")
    .option("--grep <text>", "only entries that hold this text, in any letter case")
    .option("--since <time>", "not before this time, or so long ago", timeOrAgo)
    .option("--until <time>", "not after this time, or so long ago", timeOrAgo);
  run<Options, [string]>(command, exportSession);
}

/** Where the bytes go; a file appears under its name only when it is complete. */
interface Target {
  write(bytes: Uint8Array): Promise<void>;
  commit(): Promise<void>;
  discard(): Promise<void>;
}

async function exportSession(context: Context<Options>, text: string): Promise<void> {
  const { options, talk, out, signal } = context;
  const client = clientOf(context, { retryForMs: 30_000 });
  const session = await resolveSession(client, text, signal);
  const isPiped = options.output === undefined || options.output === "-";
  const target = isPiped ? pipeTarget(context) : fileTarget(options.output as string);
  // On a terminal the lines themselves are to be seen.
  const isOnScreen = isPiped && out.isTerminal;
  const progress = isOnScreen ? noProgress : await startProgress(talk, `export ${session.slice(0, 8)}`, "entries");
  try {
    const done = await copyPages(client, session, options, target, (at, total) => progress.update(at, total), signal);
    progress.stop();
    await target.commit();
    if (isPiped) return;
    if (options.json) await out.json({ session, file: options.output, format: options.format, ...done });
    else await talk.line(`${options.output}: ${countText(done.entries)} entries, ${sizeText(done.bytes)}`);
  } catch (error) {
    progress.stop();
    await target.discard();
    throw error;
  }
}

async function copyPages(
  client: TailraceClient,
  session: string,
  options: Options,
  target: Target,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<{ entries: number; bytes: number }> {
  const { level, logger, grep, since, until } = options;
  const filter = { level, logger, q: grep, since, until };
  const { head, first } = await client.getSession(session, { signal });
  const sum = { entries: 0, bytes: 0 };
  let isFirst = true;
  for (let cursor = 0; cursor < head; ) {
    const query = { ...filter, cursor, limit: pageCountMax } as ReadQuery;
    const response = await client.readAs(session, options.format, query, { signal });
    const next = Number(response.headers.get("tailrace-cursor") ?? Number.NaN);
    const body = new Uint8Array(await response.arrayBuffer());
    if (!(next > cursor)) throw new CommandError(`the server gave no way to read on after entry ${cursor}`);
    const bytes = isFirst || options.format !== "csv" ? body : withoutHeading(body);
    isFirst = false;
    sum.entries += Number(response.headers.get("tailrace-count") ?? 0);
    sum.bytes += bytes.length;
    cursor = next;
    onProgress(Math.max(0, Math.min(cursor, head) - first + 1), head - first + 1);
    await target.write(bytes);
    signal.throwIfAborted();
  }
  return sum;
}

/** Every page of CSV begins with the heading; only the first may keep it. */
function withoutHeading(body: Uint8Array): Uint8Array {
  return body.subarray(body.indexOf(lineFeed) + 1);
}

function pipeTarget(context: Context<Options>): Target {
  const { out, options } = context;
  // Pages end at the end of an entry, so no character is cut.
  const clean = options.format === "ndjson" ? visibleJson : visible;
  const decoder = new TextDecoder();
  const write = (bytes: Uint8Array) => out.write(out.isTerminal ? clean(decoder.decode(bytes)) : bytes);
  return { write, commit: async () => {}, discard: async () => {} };
}

function fileTarget(file: string): Target {
  const partial = `${file}.partial`;
  const stream = createWriteStream(partial, { mode: 0o600 });
  let failure: Error | undefined;
  stream.on("error", (error) => {
    failure = error;
  });
  return {
    write: async (bytes) => {
      if (failure !== undefined) throw failure;
      if (!stream.write(bytes)) await once(stream, "drain");
    },
    commit: async () => {
      stream.end();
      if (!stream.closed) await once(stream, "close");
      if (failure !== undefined) throw failure;
      await rename(partial, file);
    },
    discard: async () => {
      stream.destroy();
      await unlink(partial).catch(() => {});
    },
  };
}
