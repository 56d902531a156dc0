/** Stage filter: choosing entries of blocks, beside the platform's own exact search through the same text. */
import { compileFilter, type FilterSpec } from "#src/record/filter.hot.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { type Workload, workloadBlock } from "./entries.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

/** More than fits the processor's second-level cache, as in a scan through a file. */
const blockCount = 64;
const entryCount = 1000;

/** Filter, by text, level and logger. Bytes are those of the messages. */
export const stage: Stage = { name: "filter", cases };

function cases(): StageCase[] {
  const plain = blocksOf("plain");
  const cyrillic = blocksOf("cyrillic");
  return [
    exactRow("reference: exact search, absent", plain, "connection refused"),
    filterRow("q, absent, 18 letters", plain, { q: "connection refused" }),
    filterRow("q, absent, 7 letters", plain, { q: "Timeout" }),
    filterRow("q, absent, 3 letters", plain, { q: "err" }),
    filterRow("q, absent, 1 letter", plain, { q: "z" }),
    filterRow("q, digits", plain, { q: "10.0.0.77 " }),
    filterRow("q, in every entry", plain, { q: "TOOK" }),
    filterRow("q, absent, other script", cyrillic, { q: "ошибка" }),
    filterRow("q, ASCII in other script", cyrillic, { q: "error" }),
    filterRow("level", plain, { levelMin: 5 }),
    filterRow("logger", plain, { logger: "LogAuth" }),
    filterRow("logger and q", plain, { logger: "LogAuth", q: "timeout" }),
    filterRow("ruled out by headers", plain, { levelMin: 6 }),
  ];
}

/** Blocks behind each other in one memory. */
function blocksOf(workload: Workload): Uint8Array {
  const block = workloadBlock(workload, entryCount);
  const blocks = new Uint8Array(new SharedArrayBuffer(block.length * blockCount));
  for (let index = 0; index < blockCount; index++) blocks.set(block, index * block.length);
  return blocks;
}

function textSizeBytes(blocks: Uint8Array): number {
  return new BlockView().openBlock(blocks, 0).textSizeBytes * blockCount;
}

function exactRow(name: string, blocks: Uint8Array, text: string): StageCase {
  const buffer = Buffer.from(blocks.buffer, blocks.byteOffset, textSizeBytes(blocks));
  return { name, count: blockCount * entryCount, sizeBytes: buffer.length, run: () => buffer.indexOf(text) };
}

function filterRow(name: string, blocks: Uint8Array, spec: FilterSpec): StageCase {
  const filter = compileFilter(spec);
  const view = new BlockView();
  const target = new Uint32Array(entryCount);
  const run = (): number => {
    let count = 0;
    for (let offset = 0; offset < blocks.length; offset += view.sizeBytes) {
      view.openBlock(blocks, offset);
      count += filter.select(view, 0, view.count, target);
    }
    return count;
  };
  return { name, count: blockCount * entryCount, sizeBytes: textSizeBytes(blocks), run };
}

await runWhenMain(import.meta.url, stage);
