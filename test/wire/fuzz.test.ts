import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { compressFrameSync } from "lz4-napi";
import { textOf, utf8 } from "#src/base/bytes.ts";
import { limits } from "#src/config.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import { inflate, isRefusal } from "#src/wire/inflate.ts";
import { entriesArbitrary } from "../record/entries.ts";
import { batchOf, partsOf } from "./batches.ts";
import { decodeIn, rowsOf } from "./decoding.ts";
import { entryText } from "./json-arbitrary.ts";
import { readEntry } from "./json-model.ts";
import { mutatedBinary, mutatedText, randomOf } from "./mutations.ts";

/** TAILRACE_LONG=1 is the campaign; TAILRACE_SEED picks another one. */
const inputCount = process.env["TAILRACE_LONG"] === "1" ? 200_000 : 10_000;
const seed = Number(process.env["TAILRACE_SEED"] ?? 1);
/** For seeds; the bodies that come of them are the same in every run. */
const sampling = { numRuns: 200, seed };

const entries = fc
  .sample(entryText, { ...sampling, numRuns: 1000 })
  .filter((text, index) => index < 50 || typeof readEntry(text) === "object");
const characters = fc.oneof(
  { weight: 9, arbitrary: fc.string({ unit: "grapheme-ascii", maxLength: 60 }) },
  fc.string({ unit: "grapheme" }),
);
const texts = fc.sample(characters, sampling);
const batches = fc.sample(entriesArbitrary, { ...sampling, numRuns: 60 });
const bodies = texts.map((text, index) => utf8(text.repeat(1 + (index % 40))));

const invalid = ["invalid_json", "invalid_entry", "invalid_batch", "invalid_utf8", "payload_too_large"];

/** Gives `run` so many bodies that `mutate` makes of `seeds`; each must end in one of `outcomes`. Prints what came of them. */
async function fuzz(
  context: TestContext,
  mutate: typeof mutatedText,
  seeds: readonly Uint8Array[],
  outcomes: readonly string[],
  run: (body: Buffer) => string,
): Promise<void> {
  const random = randomOf(seed);
  const counts = new Map<string, number>();
  let slowestMs = 0;
  const memoryBefore = process.memoryUsage();
  for (let index = 0; index < inputCount; index++) {
    const body = mutate(seeds, random);
    // As in a worker: what a broken gzip body leaves behind goes when the event loop turns.
    if (index % 500 === 0) await setImmediate();
    let startMs = performance.now();
    const outcome = run(body);
    let tookMs = performance.now() - startMs;
    // Others run on this machine too: what is slow must be slow again to count.
    for (let again = 0; again < 3 && tookMs > slowestMs; again++) {
      startMs = performance.now();
      run(body);
      tookMs = Math.min(tookMs, performance.now() - startMs);
    }
    slowestMs = Math.max(slowestMs, tookMs);
    assert.ok(outcomes.includes(outcome), `input ${index} of seed ${seed}: ${outcome}`);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  const memory = process.memoryUsage();
  const grownMiB = Math.round((memory.rss - memoryBefore.rss) / 2 ** 20);
  const shown = [...counts].map(([outcome, count]) => `${outcome} ${count}`).join(", ");
  context.diagnostic(`${inputCount} inputs: ${shown}; slowest ${slowestMs.toFixed(2)} ms; resident memory +${grownMiB} MiB`);
  assert.ok(
    outcomes.every((outcome) => outcome === "payload_too_large" || counts.has(outcome)),
    "every outcome was seen",
  );
}

const columns = new EntryColumns();

/** Decodes a body; what is taken must be whole. */
function outcomeOf(kind: number, body: Buffer): string {
  columns.clear();
  const mark = columns.mark();
  const refusal = decodeIn(columns, kind, body, { limits: { entrySizeBytesMax: 4096 } });
  if (refusal !== undefined) {
    columns.rollback(mark);
    assert.ok(refusal.message.length > 10);
    const offset = refusal.details?.offset ?? 0;
    assert.ok(offset >= 0 && offset <= body.length, "the fault lies in the body");
    return refusal.code;
  }
  for (const row of rowsOf(columns)) {
    assert.ok(row.level >= 0 && row.level <= 6);
    if (row.fields !== undefined) assert.ok(typeof JSON.parse(row.fields) === "object");
  }
  return "taken";
}

function parses(body: Buffer): boolean {
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}

test("no JSON body breaks the decoder", async (context) => {
  const arrays = entries.map((_, index) => `[${entries.slice(index, index + (index % 6)).join(",")}]`);
  const seeds = [...entries, ...arrays, ...arrays.map((array) => `{"entries":${array}}`)].map((text) => utf8(text));
  await fuzz(context, mutatedText, seeds, ["taken", ...invalid], (body) => {
    const outcome = outcomeOf(bodyKind.json, body);
    if (outcome === "taken" || outcome === "invalid_json") assert.equal(parses(body), outcome === "taken", body.toString());
    return outcome;
  });
});

test("no NDJSON body breaks the decoder", async (context) => {
  const seeds = entries.map((_, index) => utf8(entries.slice(index, index + 1 + (index % 4)).join("\n")));
  const outcomes = ["taken", ...invalid].filter((outcome) => outcome !== "invalid_batch");
  await fuzz(context, mutatedText, seeds, outcomes, (body) => outcomeOf(bodyKind.ndjson, body));
});

test("no text body breaks the decoder", async (context) => {
  const seeds = texts.map((_, index) => utf8(texts.slice(index, index + 5).join("\n")));
  await fuzz(context, mutatedText, seeds, ["taken", "invalid_utf8", "payload_too_large"], (body) =>
    outcomeOf(bodyKind.text, body),
  );
});

test("no binary batch breaks the verifier", async (context) => {
  const seeds = batches.map((batch, index) => batchOf(partsOf(batch, index % 3 > 0), index % 2 > 0));
  const outcomes = ["taken", "invalid_batch", "invalid_entry", "invalid_utf8", "payload_too_large"];
  await fuzz(context, mutatedBinary, seeds, outcomes, (body) => outcomeOf(bodyKind.flatbuffers, body));
});

test("no gzip body breaks inflating", async (context) => {
  const seeds = bodies.map((body, index) => gzipSync(body, { level: index % 10 }));
  await fuzz(context, mutatedBinary, seeds, ["taken", "invalid_encoding", "payload_too_large"], (body) =>
    inflateOutcome("gzip", body),
  );
});

test("no LZ4 body breaks inflating", async (context) => {
  const frame = (body: Buffer, index: number) =>
    compressFrameSync(body, { contentChecksum: index % 2 > 0, blockChecksums: index % 3 > 0 });
  const seeds = bodies.map((body, index) => frame(Buffer.from(body), index));
  await fuzz(context, mutatedBinary, seeds, ["taken", "invalid_encoding", "payload_too_large"], (body) =>
    inflateOutcome("lz4", body),
  );
});

function inflateOutcome(encoding: "gzip" | "lz4", body: Buffer): string {
  const result = inflate(encoding, body, 0, body.length, limits.controlBodySizeBytesMax);
  if (isRefusal(result)) return result.code;
  assert.ok(result.length <= limits.controlBodySizeBytesMax && textOf(result) !== undefined);
  return "taken";
}
