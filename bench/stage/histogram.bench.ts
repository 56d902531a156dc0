/** Stage histogram: counting entries per level over time, beside reading the columns it needs. */
import { Histogram } from "#src/record/histogram.hot.ts";
import { millisecondsOf } from "#src/record/milliseconds.hot.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { workloadBlock } from "./entries.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

/** Histogram of a block of 1000 entries, all of them chosen. */
export const stage: Stage = { name: "histogram", cases };

function cases(): StageCase[] {
  const block = workloadBlock("plain", 1000);
  const view = new BlockView().openBlock(block, 0);
  const fromMs = millisecondsOf(view.timeMinLow, view.timeMinHigh);
  const toMs = millisecondsOf(view.timeMaxLow, view.timeMaxHigh);
  const histogram = new Histogram(fromMs, toMs, 200);
  const indexes = Uint32Array.from({ length: view.count }, (_, index) => index);
  const count = (): number => {
    histogram.add(view.openBlock(block, 0), indexes, view.count);
    return histogram.total;
  };
  const columns = (): number => {
    view.openBlock(block, 0);
    let sum = 0;
    for (let index = 0; index < view.count; index++) sum += view.timeHigh(index) + view.level(index) + view.loggerIndex(index);
    return sum;
  };
  return [
    { name: "count", count: view.count, run: count },
    { name: "reading the columns", count: view.count, run: columns },
  ];
}

await runWhenMain(import.meta.url, stage);
