/** Small blocks for storage tests: entry n of a session says "entry n" and whatever text is asked for. */
import { textOf, utf8 } from "#src/base/bytes.ts";
import type { SessionId } from "#src/base/ids.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { type BlockHead, encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { isFailure } from "#src/storage/failure.ts";
import type { FileLayer } from "#src/storage/files.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import type { Appended, SegmentWriter } from "#src/storage/segment-writer.ts";
import type { SegmentInfo, SeqRange, StorageFailure } from "#src/storage/types.ts";

/** An id of which the last digits are `number`. */
export function idOf(number: number): SessionId {
  return number.toString(16).padStart(24, "a") as SessionId;
}

/** Bytes that no entry is expected to hold unless it was asked to. */
export const noKeys = new Uint8Array(0);

const columns = new EntryColumns();

/** Makes the block of these texts; entry i has time `1000 + seq` ms and level 3. */
export function blockOf(texts: readonly string[], head: BlockHead, keys: Uint8Array = noKeys): Uint8Array<ArrayBuffer> {
  columns.clear();
  columns.reserveEntries(texts.length);
  for (const [index, text] of texts.entries()) {
    const bytes = utf8(text);
    columns.text.append(bytes, 0, bytes.length);
    const time = BigInt(1000 + head.firstSeq + index) * 1_000_000n;
    columns.finishEntry(Number(BigInt.asIntN(32, time)), Number(BigInt.asIntN(32, time >> 32n)), 3, 0, 0);
  }
  const block = new Uint8Array(encodedSizeBytes(columns, keys.length));
  encodeBlock(columns, head, keys, block, 0);
  return block;
}

/** Appends one block of these texts, or returns why not. */
export function append(
  writer: SegmentWriter,
  id: SessionId,
  texts: readonly string[],
  keys: Uint8Array = noKeys,
): Appended | StorageFailure {
  const sizeBytes = blockOf(texts, { firstSeq: 1, saltLow: 0, saltHigh: 0, previousCrc: 0 }, keys).length;
  const place = writer.begin(id, sizeBytes);
  if (isFailure(place)) return place;
  return writer.append(id, blockOf(texts, place, keys), texts.length);
}

/** Appends, and throws when that fails. */
export function mustAppend(writer: SegmentWriter, id: SessionId, texts: readonly string[], keys?: Uint8Array): Appended {
  const appended = append(writer, id, texts, keys);
  if (isFailure(appended)) throw new Error(appended.message);
  return appended;
}

/** Returns `count` texts for the entries from `firstSeq` on, each `sizeBytes` long or a little longer. */
export function textsFrom(firstSeq: number, count: number, sizeBytes = 0): string[] {
  return Array.from({ length: count }, (_, index) => `entry ${firstSeq + index}`.padEnd(sizeBytes, "."));
}

/** The published segments of a session, as the main thread keeps them. */
export class Published {
  readonly segments: SegmentInfo[] = [];
  head = 0;

  add(appended: Appended): void {
    if (!appended.rolled) this.segments.pop();
    this.segments.push(appended.segment);
    this.head = appended.tail.head;
  }
}

/** What a read brought: the texts by seq, and the gaps. */
export interface ReadBack {
  readonly entries: Map<number, string>;
  readonly gaps: SeqRange[];
  readonly blockCount: number;
}

/** Reads all blocks forward (behind `cursor`) or backward (before `before`). */
export function readBack(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  segments: readonly SegmentInfo[],
  range: { cursor: number } | { before: number } = { cursor: 0 },
  reader = new SegmentReader({ files, dataDir }),
): ReadBack {
  const entries = new Map<number, string>();
  const gaps: SeqRange[] = [];
  const view = new BlockView();
  let blockCount = 0;
  const visitor = {
    block(bytes: Uint8Array, offset: number): boolean {
      blockCount++;
      view.openBlock(bytes, offset);
      for (let index = 0; index < view.count; index++) {
        entries.set(view.seq(index), textOf(bytes, view.textStart(index), view.textEnd(index)));
      }
      return true;
    },
    gap: (gap: SeqRange) => void gaps.push(gap),
  };
  const failure =
    "cursor" in range
      ? reader.readForward(id, segments, range.cursor, visitor)
      : reader.readBackward(id, segments, range.before, visitor);
  if (failure !== undefined) throw new Error(failure.message);
  return { entries, gaps, blockCount };
}
