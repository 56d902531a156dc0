/** Counting entries by template: one template for all entries, and one for each. */
import { utf8 } from "#src/base/bytes.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { TemplateSummary } from "#src/record/template-summary.hot.ts";
import { workloadBlock } from "./entries.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const entryCount = 1000;
const templateCountMax = 10_000;

/** Blocks of 1000 entries, as a query reads them. */
export const stage: Stage = {
  name: "template-summary",
  cases: () => [row("one template", workloadBlock("structured", entryCount)), row("a template per entry", eachItsOwn())],
};

function row(name: string, block: Uint8Array): StageCase {
  const summary = new TemplateSummary(templateCountMax);
  const view = new BlockView().openBlock(block, 0);
  const run = () => {
    summary.add(view, 0, entryCount);
    return summary.otherCount;
  };
  return { name, count: entryCount, run };
}

function eachItsOwn(): Uint8Array {
  const columns = new EntryColumns();
  columns.reserveEntries(entryCount);
  for (let index = 0; index < entryCount; index++) {
    const format = utf8(`Job ${index} of {queue} took {ms} ms`);
    columns.finishEntry(0, 0, 3, 0, columns.templates.intern(format, 0, format.length));
  }
  const bytes = new Uint8Array(encodedSizeBytes(columns, 0));
  encodeBlock(columns, { firstSeq: 1, saltLow: 1, saltHigh: 2, previousCrc: 3 }, new Uint8Array(0), bytes, 0);
  return bytes;
}

await runWhenMain(import.meta.url, stage);
