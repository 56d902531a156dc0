/** `tailrace import`: a file of NDJSON, as `export` writes it, into a session. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Command } from "commander";
import { newClientSessionId, type TailraceClient } from "../../client/client.ts";
import { TailraceError } from "../../client/errors.ts";
import { NdjsonWriter } from "../../client/ndjson-writer.ts";
import { limits } from "../../config.ts";
import type { SessionInput } from "../../wire/api.ts";
import { type ClientOptions, CommandError, type Context, clientCommand, clientOf, run, setting } from "../command.ts";
import { countText } from "../format.ts";
import { type Line, lineGroups } from "../lines.ts";
import { startProgress } from "../progress.ts";
import { visibleLine } from "../terminal.ts";

interface Options extends ClientOptions {
  app?: string;
  mode?: string;
  platform?: string;
  keep?: boolean;
}

/** The number that `export` writes first in every line; the server numbers anew, and would take it for a field. */
const seqPattern = /^\{"seq":\d+,/;
const seqLengthMax = 32;
const openBrace = 0x7b;

/** Registers `import`. */
export function registerImport(program: Command): void {
  const command = clientCommand(
    program,
    "import <file>",
    "send a file of NDJSON (also .gz; - is standard input) into a new session",
    ["tailrace import run.ndjson --app UnrealEditor", "tailrace export 66f0 | tailrace import - --url http://other:7420"],
  )
    .addOption(setting("--app <name>", "name of the program; default: that of the file"))
    .addOption(setting("--mode <mode>", "mode of the program"))
    .addOption(setting("--platform <name>", "platform"))
    .option("--keep", "leave the session active");
  run<Options, [string]>(command, importFile);
}

async function importFile(context: Context<Options>, file: string): Promise<void> {
  const { options, out, talk, signal } = context;
  const client = clientOf(context, { retryForMs: 60_000 });
  const source = await openSource(file);
  const id = newClientSessionId();
  await client.openSession(id, inputOf(options, file), { signal });
  const progress = await startProgress(talk, "import", "bytes");
  let count = 0;
  try {
    count = await sendLines(client, id, source, (done) => progress.update(done, source.sizeBytes), signal);
  } finally {
    progress.stop();
    source.stream.destroy();
    if (!options.keep) await client.endSession(id);
  }
  if (options.json) return out.json({ session: id, file, entries: count });
  await out.line(id);
  await talk.line(`${countText(count)} entries imported`);
}

interface Source {
  readonly name: string;
  readonly stream: Readable;
  readonly sizeBytes: number;
  /** Bytes of the file read so far. */
  done(): number;
}

async function openSource(file: string): Promise<Source> {
  if (file === "-") return { name: "standard input", stream: process.stdin, sizeBytes: 0, done: () => 0 };
  const found = await stat(file);
  if (found.isDirectory()) throw new CommandError(`${file} is a directory: name one file of NDJSON`);
  const raw = createReadStream(file, { highWaterMark: 256 * 1024 });
  const stream = file.endsWith(".gz") ? raw.pipe(createGunzip()) : raw;
  raw.on("error", (error) => stream.destroy(error));
  return { name: file, stream, sizeBytes: found.size, done: () => raw.bytesRead };
}

function inputOf(options: Options, file: string): SessionInput {
  const { mode, platform } = options;
  // A session without a name is hard to find again: that of the file will do.
  const app = options.app ?? (file === "-" ? undefined : basename(file).replace(/(\.(ndjson|jsonl|json|log))?(\.gz)?$/, ""));
  return {
    ...(app !== undefined && app !== "" && { appname: app }),
    ...(mode !== undefined && { mode }),
    ...(platform !== undefined && { platform }),
    metadata: { imported_from: basename(file) },
  };
}

async function sendLines(
  client: TailraceClient,
  session: string,
  source: Source,
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<number> {
  let refused = 0;
  const onRefused = (lineNumber: number) => {
    refused = lineNumber;
    return false;
  };
  const writer = new NdjsonWriter({ client, session, batchCountMax: 5000, lingerMs: 1000, onRefused });
  let lineNumber = 0;
  try {
    for await (const lines of lineGroups(source.stream, limits.entrySizeBytesMax * 2)) {
      for (const line of lines) {
        lineNumber++;
        const start = line.start + seqSizeBytes(line);
        if (line.end === line.start) continue;
        while (!writer.tryWriteLine(line.bytes, start, line.end, lineNumber)) await writer.sender.room();
      }
      onProgress(source.done());
      signal.throwIfAborted();
    }
    await writer.sender.flush();
    return writer.sender.acknowledgedCount;
  } catch (error) {
    if (!(error instanceof TailraceError) || refused === 0) throw error;
    const stored = `${countText(writer.sender.acknowledgedCount)} entries before it are in session ${session}`;
    throw new CommandError(`${source.name} line ${refused}: ${visibleLine(error.message)} (${stored})`);
  } finally {
    writer.sender.stop();
  }
}

/** Takes `"seq":N,` out of the start of a line, in place; returns by how many bytes it is shorter. */
function seqSizeBytes(line: Line): number {
  const head = line.bytes.toString("latin1", line.start, Math.min(line.end, line.start + seqLengthMax));
  const size = (seqPattern.exec(head)?.[0].length ?? 1) - 1;
  if (size > 0) line.bytes[line.start + size] = openBrace;
  return size;
}
