/** `tailrace send`: standard input into a session, line by line. */
import { isUtf8 } from "node:buffer";
import { type Command, Option } from "commander";
import { systemClock } from "../../base/clock.ts";
import { tryParseSessionId } from "../../base/ids.ts";
import type { SenderOptions } from "../../client/batch-sender.ts";
import { newClientSessionId, type TailraceClient } from "../../client/client.ts";
import { isCode } from "../../client/errors.ts";
import { NdjsonWriter } from "../../client/ndjson-writer.ts";
import { SessionWriter } from "../../client/session-writer.ts";
import { limits } from "../../config.ts";
import { levelNone, levelOfName } from "../../record/levels.ts";
import type { SessionInput } from "../../wire/api.ts";
import { durationMs, levelName, wholeNumber } from "../arguments.ts";
import { type ClientOptions, type Context, clientCommand, clientOf, run, setting } from "../command.ts";
import { type Line, lineGroups } from "../lines.ts";
import { resolveSession } from "../session-argument.ts";
import { visibleLine } from "../terminal.ts";

interface Options extends ClientOptions {
  app?: string;
  mode?: string;
  platform?: string;
  format: "text" | "ndjson";
  level?: string;
  logger?: string;
  batch: number;
  lingerMs: number;
  retryFor: number;
  keep?: boolean;
}

/** Room for what surrounds the text of an entry in JSON. */
const lineSizeBytesMax = limits.entrySizeBytesMax - 1024;
/** Refused lines that are told one by one; the rest is only counted. */
const shownCountMax = 10;
const carriageReturn = 0x0d;

/** Registers `send`. */
export function registerSend(program: Command): void {
  const command = clientCommand(
    program,
    "send [session]",
    "send standard input, line by line, into a session of its own or a named one",
    [
      "make 2>&1 | tailrace send --app make",
      "node app.js | tailrace send --format ndjson --app shop --mode dev",
      "echo deployed | tailrace send 66f0 --level warn",
    ],
  )
    .addOption(setting("--app <name>", "name of the program, for a new session"))
    .addOption(setting("--mode <mode>", "mode of the program, for a new session"))
    .addOption(setting("--platform <name>", "platform, for a new session", process.platform))
    .addOption(new Option("--format <format>", "what a line is").choices(["text", "ndjson"]).default("text"))
    .option("--level <level>", "level of text lines", levelName)
    .option("--logger <name>", "logger of text lines")
    .option("--batch <count>", "entries in a batch, at most", wholeNumber(1, 100_000), 1000)
    .option("--linger-ms <ms>", "how long a line may wait for more", wholeNumber(0, 60_000), 100)
    .addOption(
      new Option("--retry-for <duration>", "how long to try again while the server is away or busy")
        .argParser(durationMs)
        .default(60_000, "60s"),
    )
    .option("--keep", "leave the session active at the end of input");
  run<Options, [string | undefined]>(command, send);
}

async function send(context: Context<Options>, text: string | undefined): Promise<void> {
  const { options, talk, signal } = context;
  const client = clientOf(context, { retryForMs: options.retryFor });
  const target = await openTarget(context, client, text);
  if (text === undefined) await talk.line(target.id);
  const sender: SenderOptions = {
    client,
    session: target.id,
    batchCountMax: options.batch,
    lingerMs: options.lingerMs,
    reopenWith: target.input,
  };
  // Ctrl-C ends the input, not what was read of it.
  const stop = () => process.stdin.destroy();
  signal.addEventListener("abort", stop, { once: true });
  const sent = options.format === "text" ? await sendText(context, sender) : await sendNdjson(context, sender);
  if (target.isOurs && !options.keep) await client.endSession(target.id);
  if (options.json) await context.out.json({ session: target.id, ...sent });
}

interface Target {
  readonly id: string;
  /** Made or re-opened here, so ended here. A session that was active before belongs to somebody else. */
  readonly isOurs: boolean;
  readonly input: SessionInput;
}

async function openTarget(context: Context<Options>, client: TailraceClient, text: string | undefined): Promise<Target> {
  const { signal, options } = context;
  const { app, mode, platform } = options;
  // With a pid the server ends the session should we be killed; one that is kept must outlive us.
  const input: SessionInput = {
    ...(app !== undefined && { appname: app }),
    ...(mode !== undefined && { mode }),
    ...(platform !== undefined && { platform }),
    ...(!options.keep && { pid: process.pid }),
  };
  if (text === undefined) {
    const id = newClientSessionId();
    await client.openSession(id, input, { signal });
    return { id, isOurs: true, input };
  }
  const id = await resolveSession(client, text, signal);
  const status = await statusOf(client, id, signal);
  if (status === "active") return { id, isOurs: false, input: {} };
  const given = status === "unknown" ? input : {};
  await client.openSession(id, given, { signal });
  return { id, isOurs: true, input: given };
}

async function statusOf(client: TailraceClient, id: string, signal: AbortSignal): Promise<"active" | "ended" | "unknown"> {
  try {
    return (await client.getSession(id, { signal })).status;
  } catch (error) {
    if (isCode(error, "session_not_found") && tryParseSessionId(id) !== undefined) return "unknown";
    throw error;
  }
}

interface Sent {
  readonly count: number;
  readonly cursor: number;
}

async function sendText(context: Context<Options>, sender: SenderOptions): Promise<Sent> {
  const { options, talk } = context;
  const writer = new SessionWriter(sender);
  const level = options.level === undefined ? levelNone : levelOfName(options.level);
  let brokenCount = 0;
  for await (const lines of stdinLines(context.signal)) {
    const timeMs = systemClock.nowMs();
    for (const line of lines) {
      const { start } = line;
      let { bytes, end } = line;
      if (line.hasLineFeed && end > start && bytes[end - 1] === carriageReturn) end--;
      if (end === start) continue;
      if (!isUtf8(bytes.subarray(start, end))) {
        brokenCount++;
        bytes = Buffer.from(bytes.toString("utf8", start, end));
        while (!writer.tryWriteBytes(timeMs, level, options.logger ?? "", bytes, 0, bytes.length)) await writer.room();
        continue;
      }
      while (!writer.tryWriteBytes(timeMs, level, options.logger ?? "", bytes, start, end)) await writer.room();
    }
  }
  await writer.flush();
  if (brokenCount > 0) await talk.line(`${brokenCount} lines were not UTF-8; what could not be read became U+FFFD`);
  return { count: writer.acknowledgedCount, cursor: writer.cursor };
}

async function sendNdjson(context: Context<Options>, sender: SenderOptions): Promise<Sent> {
  const { talk, signal } = context;
  let plainCount = 0;
  const writer = new NdjsonWriter({
    ...sender,
    onRefused: (lineNumber, error) => {
      if (plainCount++ < shownCountMax) void talk.line(`line ${lineNumber} sent as plain text: ${visibleLine(error.message)}`);
      return true;
    },
  });
  const batches = writer.sender;
  let lineNumber = 0;
  for await (const lines of stdinLines(signal)) {
    for (const line of lines) {
      const { bytes, start, end } = line;
      lineNumber++;
      if (isBlank(bytes, start, end)) continue;
      let entry: { bytes: Buffer; start: number; end: number } = line;
      if (!looksLikeObject(bytes, start, end)) {
        const wrapped = Buffer.from(JSON.stringify({ message: bytes.toString("utf8", start, end) }));
        entry = { bytes: wrapped, start: 0, end: wrapped.length };
        plainCount++;
      }
      while (!writer.tryWriteLine(entry.bytes, entry.start, entry.end, lineNumber)) await batches.room();
    }
  }
  await batches.flush();
  if (plainCount > 0) await talk.line(`${plainCount} lines were no entries and were sent as plain text`);
  return { count: batches.acknowledgedCount, cursor: batches.cursor };
}

async function* stdinLines(signal: AbortSignal): AsyncGenerator<Line[], void> {
  try {
    yield* lineGroups(process.stdin, lineSizeBytesMax);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (!isSpace(bytes[at] ?? 0)) return false;
  return true;
}

function looksLikeObject(bytes: Buffer, start: number, end: number): boolean {
  let first = start;
  while (first < end && isSpace(bytes[first] ?? 0)) first++;
  let last = end - 1;
  while (last > first && isSpace(bytes[last] ?? 0)) last--;
  return bytes[first] === 0x7b && bytes[last] === 0x7d;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}
