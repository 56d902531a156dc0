/** Stage decode: each form of a batch beside `toString` and `JSON.parse` of the same entries in the same run. */
import { EntryColumns } from "#src/record/columns.hot.ts";
import { encodePayload, payloadSizeBytes } from "#src/record/encode-payload.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import { decode } from "#src/wire/decode.ts";
import { type DecodeContext, decodeLimitsDefault } from "#src/wire/decode-context.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const entryCount = 1000;
const loggers = ["LogNet", "LogHttp", "LogStorage", "LogAuth"];
const levels = ["info", "debug", "warn", "info", "info", "error"];

const context: DecodeContext = {
  receivedLow: 0,
  receivedHigh: 0,
  renderer: new Renderer(),
  limits: decodeLimitsDefault,
};

/** Decode, one row per form. */
export const stage: Stage = { name: "decode", cases };

function cases(): StageCase[] {
  const plain = Array.from({ length: entryCount }, (_, index) => plainEntry(index));
  const structured = Array.from({ length: entryCount }, (_, index) => structuredEntry(index));
  const pino = Array.from({ length: entryCount }, (_, index) => pinoEntry(index));
  const escaped = Array.from({ length: entryCount }, (_, index) => escapedEntry(index));
  return [
    parseRow("JSON.parse plain", array(plain)),
    decodeRow("json plain", bodyKind.json, array(plain)),
    decodeRow("json plain, one by one", bodyKind.json, plain[7] as string, 1),
    decodeRow("ndjson plain", bodyKind.ndjson, plain.join("\n")),
    parseRow("JSON.parse structured", array(structured)),
    decodeRow("json structured, rendered", bodyKind.json, array(structured)),
    parseRow("JSON.parse pino", array(pino)),
    decodeRow("ndjson pino", bodyKind.ndjson, pino.join("\n")),
    parseRow("JSON.parse escaped", array(escaped)),
    decodeRow("json escaped", bodyKind.json, array(escaped)),
    batchRow("binary plain", array(plain), true),
    batchRow("binary structured, rendered", array(structured), false),
    decodeRow("text", bodyKind.text, plain.map((_, index) => messageOf(index)).join("\n")),
  ];
}

function parseRow(name: string, text: string): StageCase {
  const body = Buffer.from(text);
  return { name, count: entryCount, sizeBytes: body.length, run: () => JSON.parse(body.toString("utf8")).length };
}

/** The same entries as a LogBatch. */
function batchRow(name: string, json: string, hasText: boolean): StageCase {
  const columns = new EntryColumns();
  decode(bodyKind.json, Buffer.from(json), 0, Buffer.byteLength(json), context, columns);
  const payload = new Uint8Array(payloadSizeBytes(columns, false, hasText));
  encodePayload(columns, 0, undefined, payload, 0, hasText);
  return decodeRow(name, bodyKind.flatbuffers, payload);
}

/** The body lies in shared memory, as it does in a worker. */
function decodeRow(name: string, kind: number, source: string | Uint8Array, count = entryCount): StageCase {
  const bytes = Buffer.from(source as string);
  const body = new Uint8Array(new SharedArrayBuffer(bytes.length + 64));
  body.set(bytes, 8);
  const columns = new EntryColumns();
  const run = () => {
    columns.clear();
    context.renderer.beginBlock();
    const refusal = decode(kind, body, 8, 8 + bytes.length, context, columns);
    if (refusal !== undefined) throw new Error(refusal.message);
    return columns.text.length;
  };
  return { name, count, sizeBytes: bytes.length, run };
}

function array(entries: string[]): string {
  return `[${entries.join(",")}]`;
}

function timeOf(index: number): string {
  return new Date(Date.UTC(2026, 10, 20, 10) + index * 7).toISOString();
}

function messageOf(index: number): string {
  return `Request ${index} from 10.0.${index % 256}.1 was answered`.padEnd(72, ".");
}

function plainEntry(index: number): string {
  const level = levels[index % levels.length];
  const logger = loggers[index % loggers.length];
  return JSON.stringify({ timestamp: timeOf(index), level, logger, message: messageOf(index) });
}

function structuredEntry(index: number): string {
  return JSON.stringify({
    timestamp: timeOf(index),
    level: "info",
    logger: loggers[index % loggers.length],
    format: "User {user} loaded {asset.name} in {ms} ms",
    fields: { user: `user-${index}`, asset: { name: `/Game/Maps/Level${index % 10}`, size: index * 1000 }, ms: index / 8 },
  });
}

function pinoEntry(index: number): string {
  return JSON.stringify({
    level: 30,
    time: 1_795_168_800_000 + index,
    pid: 4242,
    hostname: "build-17",
    name: "web",
    msg: messageOf(index),
    requestId: `r-${index}`,
  });
}

function escapedEntry(index: number): string {
  return JSON.stringify({
    timestamp: timeOf(index),
    level: "warn",
    message: `path "C:\\data\\${index}"\n\tline ${index} é ✓ ${messageOf(index)}`,
  });
}

await runWhenMain(import.meta.url, stage);
