import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteBuffer } from "flatbuffers";
import { utf8 } from "#src/base/bytes.ts";
import { BatchWriter } from "#src/client/batch-writer.hot.ts";
import { LogBatch } from "#src/record/generated/log-batch.ts";

interface Entry {
  timeMs: number;
  level: number;
  logger: string;
  text: string;
}

const entries = fc.array(
  fc.record<Entry>(
    {
      timeMs: fc.integer({ min: -(2 ** 40), max: 2 ** 42 }),
      level: fc.integer({ min: 0, max: 6 }),
      logger: fc.oneof(fc.constantFrom("", "LogNet", "LogÄther"), fc.string({ maxLength: 8, unit: "grapheme" })),
      text: fc.string({ maxLength: 40, unit: "grapheme" }),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 60 },
);

function open(body: Uint8Array): LogBatch {
  const buffer = new ByteBuffer(body.slice());
  assert.ok(LogBatch.bufferHasIdentifier(buffer));
  return LogBatch.getRootAsLogBatch(buffer);
}

function nameOf(index: number, name: (index: number) => string): string {
  return index === 0 ? "" : name(index - 1);
}

function plainEntries(batch: LogBatch): Entry[] {
  const text = batch.textArray() ?? new Uint8Array(0);
  return Array.from({ length: batch.count() }, (_, index) => ({
    timeMs: Number((batch.timestamps(index) ?? 0n) / 1_000_000n),
    level: batch.levels(index) ?? 0,
    logger: nameOf(batch.loggerIndexes(index) ?? 0, (at) => batch.loggers(at)),
    text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      text.subarray(batch.textEnds(index) ?? 0, batch.textEnds(index + 1) ?? 0),
    ),
  }));
}

test("a batch of plain entries, from strings or from bytes, is what the schema's own reader reads", () => {
  const writer = new BatchWriter();
  fc.assert(
    fc.property(entries, fc.boolean(), (sent, asBytes) => {
      writer.clear();
      for (const { timeMs, level, logger, text } of sent) {
        const bytes = utf8(text);
        if (asBytes) writer.addBytes(timeMs, level, logger, bytes, 0, bytes.length);
        else writer.addMessage(timeMs, level, logger, text);
      }
      assert.equal(writer.count, sent.length);
      assert.deepEqual(plainEntries(open(writer.finish())), sent);
    }),
  );
});

test("a batch of structured entries has templates and fields and leaves the text to the server", () => {
  const writer = new BatchWriter();
  writer.addStructured(1, 3, "LogA", "took {ms} ms", '{"ms":5}');
  writer.addStructured(2, 4, "", "no fields", "");
  writer.addStructured(3, 3, "LogA", "took {ms} ms", '{"ms":7}');
  const batch = open(writer.finish());
  assert.equal(batch.textArray(), null);
  assert.equal(batch.textEndsArray(), null);
  assert.equal(batch.templatesLength(), 2);
  assert.deepEqual([...(batch.templateIndexesArray() ?? [])], [1, 2, 1]);
  assert.deepEqual([...(batch.fieldEndsArray() ?? [])], [0, 8, 8, 16]);
  assert.equal(new TextDecoder().decode(batch.fieldsArray() ?? undefined), '{"ms":5}{"ms":7}');
});

test("times keep every nanosecond that a number of milliseconds can hold", () => {
  const writer = new BatchWriter();
  const times = [0, 1, 0.000001, 1_763_632_800_123, 1_763_632_800_123.5, 253_402_300_799_999, -1, -62_135_596_800_000];
  for (const timeMs of times) writer.addMessage(timeMs, 0, "", "");
  const batch = open(writer.finish());
  times.forEach((timeMs, index) => {
    const whole = Math.floor(timeMs);
    const expected = BigInt(whole) * 1_000_000n + BigInt(Math.round((timeMs - whole) * 1e6));
    assert.equal(batch.timestamps(index), BigInt.asIntN(64, expected));
  });
});

test("a batch of plain and structured entries has the text of all, rendered as the server would", () => {
  const writer = new BatchWriter();
  writer.addStructured(1, 3, "LogA", "took {ms} ms", '{"ms":5}');
  writer.addMessage(2, 3, "LogB", "plain {ms}");
  writer.addStructured(3, 3, "LogA", "", "");
  writer.addStructured(4, 3, "LogA", "took {ms} ms", '{"ms":7}');
  for (let round = 0; round < 2; round++) {
    const batch = open(writer.finish());
    assert.deepEqual(
      plainEntries(batch).map((entry) => entry.text),
      ["took 5 ms", "plain {ms}", "", "took 7 ms"],
    );
    assert.deepEqual([...(batch.templateIndexesArray() ?? [])], [1, 0, 2, 1]);
  }
});

test("both halves of a batch have their entries as they were, also after its texts were rendered", () => {
  for (const isFinished of [false, true]) {
    const writer = new BatchWriter();
    writer.addStructured(1, 3, "LogA", "took {ms} ms", '{"ms":5}');
    writer.addMessage(2.5, 4, "LogB", "plain");
    writer.addStructured(3, 3, "LogB", "took {ms} ms", '{"ms":6}');
    writer.addStructured(4, 0, "", "{what} it", '{"what":"did"}');
    writer.addMessage(5, 1, "LogA", "");
    if (isFinished) writer.finish();
    const rest = writer.split();
    const [first, second] = [open(writer.finish()), open(rest.finish())];
    const texts = ["took 5 ms", "plain", "took 6 ms", "did it", ""];
    assert.deepEqual(
      [...plainEntries(first), ...plainEntries(second)].map(({ text, logger, level }) => [text, logger, level]),
      texts.map((text, index) => [text, ["LogA", "LogB", "LogB", "", "LogA"][index], [3, 4, 3, 0, 1][index]]),
    );
    assert.deepEqual([first.count(), first.timestamps(1), second.timestamps(0)], [2, 2_500_000n, 3_000_000n]);
    assert.deepEqual([second.templates(0), second.templates(1)], ["took {ms} ms", "{what} it"]);
    assert.equal(new TextDecoder().decode(second.fieldsArray() ?? undefined), '{"ms":6}{"what":"did"}');
    // A half of structured entries alone leaves its texts to the server.
    const last = rest.split();
    assert.deepEqual([open(rest.finish()).textArray(), last.count], [null, 2]);
    writer.clear();
    writer.addMessage(6, 0, "LogA", "used again");
    assert.equal(plainEntries(open(writer.finish()))[0]?.text, "used again");
  }
});
