/** Stage scan: opening blocks, and reading every column of every entry. */
import { BlockView } from "#src/record/scan.hot.ts";
import { workloadBlock } from "./entries.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

/** Scan, blocks of 1 and 1000 entries. */
export const stage: Stage = { name: "scan", cases };

function cases(): StageCase[] {
  return [
    openRow(),
    entriesRow("entries, plain", workloadBlock("plain", 1000)),
    entriesRow("entries, structured", workloadBlock("structured", 1000)),
  ];
}

function openRow(): StageCase {
  const block = workloadBlock("plain", 1);
  const view = new BlockView();
  const run = (): number => {
    let sum = 0;
    for (let index = 0; index < 1000; index++) sum += view.openBlock(block, 0).count;
    return sum;
  };
  return { name: "open a block", count: 1000, run };
}

function entriesRow(name: string, block: Uint8Array): StageCase {
  const view = new BlockView();
  const run = (): number => {
    view.openBlock(block, 0);
    let sum = 0;
    for (let index = 0; index < view.count; index++) {
      sum += view.seq(index) + view.level(index) + view.timeLow(index) + view.timeHigh(index) + view.loggerIndex(index);
      sum +=
        view.templateIndex(index) + view.textEnd(index) - view.textStart(index) + view.fieldsEnd(index) - view.fieldsStart(index);
    }
    return sum;
  };
  return { name, count: 1000, sizeBytes: block.length, run };
}

await runWhenMain(import.meta.url, stage);
