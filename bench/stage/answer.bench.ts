/** Stage answer: entries of blocks to JSON, NDJSON, text, CSV and payloads, beside JSON.stringify of the same entries. Bytes are those written. */
import { ByteColumn, utf8 } from "#src/base/bytes.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { type EntryWriter, JsonWriter } from "#src/wire/answer.hot.ts";
import { CsvWriter } from "#src/wire/answer-csv.hot.ts";
import { TextWriter } from "#src/wire/answer-text.hot.ts";
import { PayloadWriter } from "#src/wire/payload-writer.hot.ts";
import { type Workload, workloadBlock } from "./entries.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const entryCount = 1000;

/** Answer, one row per format and kind of message. */
export const stage: Stage = { name: "answer", cases };

function cases(): StageCase[] {
  return [
    stringifyRow("reference: JSON.stringify and encode, plain", "plain"),
    row("ndjson plain", new JsonWriter(true), "plain"),
    row("json plain", new JsonWriter(false), "plain"),
    row("json structured", new JsonWriter(false), "structured"),
    row("json escaped", new JsonWriter(false), "escaped"),
    row("json cyrillic", new JsonWriter(false), "cyrillic"),
    row("text plain", new TextWriter(), "plain"),
    row("csv plain", new CsvWriter(), "plain"),
    row("csv structured", new CsvWriter(), "structured"),
    row("json plain, blocks of one", new JsonWriter(false), "plain", 1),
    row("payload, stored", new PayloadWriter(), "plain"),
    chosenRow("json, every other entry", new JsonWriter(false)),
    chosenRow("payload, every other entry", new PayloadWriter()),
  ];
}

function row(name: string, writer: EntryWriter, workload: Workload, count = entryCount): StageCase {
  const view = new BlockView();
  const block = workloadBlock(workload, count);
  const target = new ByteColumn(1024 * 1024);
  const run = (): number => {
    target.length = 0;
    for (let written = 0; written < entryCount; written += count) {
      view.openBlock(block, 0);
      writer.append(view, undefined, 0, view.count, target, Number.POSITIVE_INFINITY);
    }
    return target.length;
  };
  return { name, count: entryCount, sizeBytes: run(), run };
}

function chosenRow(name: string, writer: EntryWriter): StageCase {
  const view = new BlockView();
  const block = workloadBlock("plain", entryCount);
  const indexes = Uint32Array.from({ length: entryCount / 2 }, (_, index) => index * 2);
  const target = new ByteColumn(1024 * 1024);
  const run = (): number => {
    target.length = 0;
    writer.append(view.openBlock(block, 0), indexes, 0, indexes.length, target, Number.POSITIVE_INFINITY);
    return target.length;
  };
  return { name, count: indexes.length, sizeBytes: run(), run };
}

function stringifyRow(name: string, workload: Workload): StageCase {
  const target = new ByteColumn(1024 * 1024);
  new JsonWriter(false).append(
    new BlockView().openBlock(workloadBlock(workload, entryCount), 0),
    undefined,
    0,
    entryCount,
    target,
    Number.POSITIVE_INFINITY,
  );
  const entries: unknown[] = JSON.parse(`[${new TextDecoder().decode(target.bytes.subarray(0, target.length))}]`);
  return { name, count: entryCount, sizeBytes: target.length, run: () => utf8(JSON.stringify(entries)).length };
}

await runWhenMain(import.meta.url, stage);
