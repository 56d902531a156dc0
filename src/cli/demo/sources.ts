/** What the demo sends: the lines of files, exactly, or generated logs; and what must come back. */
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { editorLog, type GeneratedEntry } from "../../client/generator.ts";
import type { SessionWriter } from "../../client/session-writer.ts";
import { limits } from "../../config.ts";
import { levelNone, levelOfName } from "../../record/levels.ts";
import type { EntryObject } from "../../wire/api.ts";
import { CommandError } from "../command.ts";
import { lineGroups } from "../lines.ts";

export interface Source {
  readonly name: string;
  readonly count: number;
  readonly sizeBytes: number;
  /** Sends everything, in order, as fast as the server takes it. */
  send(writer: SessionWriter, signal: AbortSignal): Promise<void>;
  /** Returns a check for the entries in order: undefined when one is as it was sent, or how it differs. */
  checker(): AsyncGenerator<string | undefined, void, EntryObject>;
}

const chunkSizeBytes = 256 * 1024;

/** Reads a file once to see that it can be sent: UTF-8, no line over the limit of an entry. */
export async function fileSource(file: string): Promise<Source> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const stream = createReadStream(file, { highWaterMark: chunkSizeBytes });
  let count = 0;
  let sizeBytes = 0;
  let openSizeBytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      decoder.decode(chunk, { stream: true });
      sizeBytes += chunk.length;
      let start = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
        mustFit(file, count + 1, openSizeBytes + end - start);
        count++;
        openSizeBytes = 0;
        start = end + 1;
      }
      openSizeBytes += chunk.length - start;
    }
    decoder.decode();
  } catch (error) {
    if (error instanceof TypeError)
      throw new CommandError(`${file} is not UTF-8; messages are text, so it cannot be sent exactly`);
    throw error;
  }
  mustFit(file, count + 1, openSizeBytes);
  if (openSizeBytes > 0) count++;
  return {
    name: basename(file),
    count,
    sizeBytes,
    send: (writer, signal) => sendFile(file, writer, signal),
    checker: () => checkFile(file),
  };
}

function mustFit(file: string, lineNumber: number, sizeBytes: number): void {
  if (sizeBytes <= limits.entrySizeBytesMax) return;
  throw new CommandError(`${file} line ${lineNumber} has more than ${limits.entrySizeBytesMax} bytes, the limit of an entry`);
}

/** Lines end at a line feed and nowhere else: a carriage return is part of the message. */
async function sendFile(file: string, writer: SessionWriter, signal: AbortSignal): Promise<void> {
  const timeMs = Date.parse("2026-11-20T10:00:00Z");
  for await (const lines of lineGroups(createReadStream(file, { highWaterMark: chunkSizeBytes }), limits.entrySizeBytesMax)) {
    for (const { bytes, start, end } of lines) {
      while (!writer.tryWriteBytes(timeMs, levelNone, "", bytes, start, end)) await writer.room();
    }
    signal.throwIfAborted();
  }
  await writer.flush();
}

async function* checkFile(file: string): AsyncGenerator<string | undefined, void, EntryObject> {
  let entry = yield undefined;
  for await (const lines of lineGroups(createReadStream(file, { highWaterMark: chunkSizeBytes }), limits.entrySizeBytesMax)) {
    for (const { bytes, start, end } of lines) {
      const got = Buffer.from(entry.message, "utf8");
      const isSame = bytes.compare(got, 0, got.length, start, end) === 0;
      entry = yield isSame && entry.level === undefined && entry.logger === undefined
        ? undefined
        : differenceText(entry, "the line");
    }
  }
}

/** Returns a generated log of `count` entries, made beforehand so that only sending is timed. */
export function generatedSource(name: string, seed: number, structured: boolean, count: number): Source {
  const entries = Array.from({ length: count }, editorLog({ seed, structured }));
  const sizeBytes = entries.reduce((sum, { message, format, fields }) => {
    return sum + Buffer.byteLength(format === undefined ? message : format + fields);
  }, 0);
  return {
    name,
    count,
    sizeBytes,
    send: (writer, signal) => sendGenerated(entries, writer, signal),
    checker: () => checkGenerated(entries),
  };
}

async function sendGenerated(entries: readonly GeneratedEntry[], writer: SessionWriter, signal: AbortSignal): Promise<void> {
  for (const entry of entries) {
    while (!tryWriteGenerated(writer, entry)) {
      await writer.room();
      signal.throwIfAborted();
    }
  }
  await writer.flush();
}

function tryWriteGenerated(writer: SessionWriter, entry: GeneratedEntry): boolean {
  const { timeMs, level, logger, message, format, fields } = entry;
  if (format === undefined) return writer.tryWrite({ timeMs, level, logger, message });
  return writer.tryWriteStructured(timeMs, levelOfName(level), logger, format, fields ?? "");
}

async function* checkGenerated(entries: readonly GeneratedEntry[]): AsyncGenerator<string | undefined, void, EntryObject> {
  let entry = yield undefined;
  for (const { timeMs, level, logger, message, format, fields } of entries) {
    const isSame =
      entry.message === message &&
      entry.level === level &&
      entry.logger === logger &&
      entry.format === format &&
      Date.parse(entry.timestamp) === timeMs &&
      (entry.fields === undefined ? undefined : JSON.stringify(entry.fields)) === fields;
    entry = yield isSame ? undefined : differenceText(entry, message);
  }
}

function differenceText(entry: EntryObject, sent: string): string {
  return `entry ${entry.seq} came back as ${JSON.stringify(entry).slice(0, 300)} and not as ${JSON.stringify(sent).slice(0, 300)}`;
}
