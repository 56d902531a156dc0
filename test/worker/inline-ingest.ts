/** A shard without threads: the same Ingest, ring and files as in a worker, driven by a test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "#src/base/bytes.ts";
import { systemClock } from "#src/base/clock.ts";
import type { SessionId } from "#src/base/ids.ts";
import { bodyEncoding, itemAt, itemKind, itemWordCount, outcomeAt, outcomeWordCount } from "#src/handoff/job.ts";
import { JobDesk, nextJobNumber } from "#src/handoff/job-desk.ts";
import { RingIndex, RingWriter } from "#src/handoff/ring.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { systemFiles } from "#src/storage/files.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { prepareDataDirectory } from "#src/storage/session-file.ts";
import type { SegmentInfo, SessionTail } from "#src/storage/types.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import { entryObject } from "#src/wire/entry-objects.ts";
import { Ingest, type IngestJob } from "#src/worker/ingest.ts";
import { filesOf } from "#src/worker/session-files.ts";

export interface TestBatch {
  readonly slot: number;
  readonly body: string;
  readonly key?: string;
}

export interface TestOutcome {
  readonly status: number;
  readonly first: number;
  readonly count: number;
  readonly code: string | undefined;
}

/** Sessions are numbered; slot n has the id whose last digits are n + 1. */
export function idOfSlot(slot: number): SessionId {
  return (slot + 1).toString(16).padStart(24, "0") as SessionId;
}

export class InlineShard {
  readonly dataDir = mkdtempSync(join(tmpdir(), "tailrace-inline-"));
  readonly #slab = new Uint8Array(new SharedArrayBuffer(1 << 20));
  readonly #ring = new RingIndex(1 << 16);
  readonly #desk = new JobDesk();
  #ingest: Ingest;
  #adopted = new Set<number>();
  readonly tails = new Map<number, SessionTail>();
  readonly segments = new Map<number, SegmentInfo[]>();
  #jobNumber = 0;

  constructor() {
    prepareDataDirectory(systemFiles, this.dataDir);
    this.#ingest = this.#newIngest();
  }

  /** As after the death of a worker: everything it knew is gone, files stay. */
  restartWorker(): void {
    this.#ingest = this.#newIngest();
    this.#adopted = new Set();
  }

  /** Runs one job and publishes what it did. */
  run(batches: readonly TestBatch[]): TestOutcome[] {
    const job = this.#jobOf(batches);
    const result = this.#ingest.run(job);
    const refusals = new Map(result.refusals);
    for (let row = 0; row < result.blockCount * 7; row += 7) {
      const [slot, , , firstSeq, count, segmentFirstSeq, endPosition] = job.blocks.slice(row, row + 7) as unknown as number[];
      this.#publish(slot ?? 0, {
        head: (firstSeq ?? 0) + (count ?? 0) - 1,
        segmentFirstSeq: segmentFirstSeq ?? 0,
        endPosition: endPosition ?? 0,
      });
    }
    return batches.map((_, index) => ({
      status: job.outcomes[index * outcomeWordCount + outcomeAt.status] ?? -1,
      first: job.outcomes[index * outcomeWordCount + outcomeAt.first] ?? -1,
      count: job.outcomes[index * outcomeWordCount + outcomeAt.count] ?? -1,
      code: refusals.get(index)?.code,
    }));
  }

  /** Messages of a session as its files hold them. */
  messages(slot: number): string[] {
    const found: string[] = [];
    const view = new BlockView();
    new SegmentReader({ files: systemFiles, dataDir: this.dataDir }).readForward(
      idOfSlot(slot),
      this.segments.get(slot) ?? [],
      0,
      {
        block(bytes, offset) {
          view.openBlock(bytes, offset);
          for (let index = 0; index < view.count; index++) {
            const entry = entryObject(view, index);
            if (entry.seq !== found.length + 1) throw new Error(`seq ${entry.seq} comes after ${found.length}`);
            found.push(entry.message);
          }
          return true;
        },
        gap(range) {
          throw new Error(`gap from ${range.from}`);
        },
      },
    );
    return found;
  }

  remove(): void {
    rmSync(this.dataDir, { recursive: true });
  }

  #newIngest(): Ingest {
    const writer = new SegmentWriter({
      files: systemFiles,
      dataDir: this.dataDir,
      segmentSizeBytes: 1 << 16,
      descriptorCountMax: 8,
    });
    const ring = new RingWriter(this.#ring.buffer);
    return new Ingest({ slab: this.#slab, ring, writer, files: filesOf(systemFiles, this.dataDir), clock: systemClock });
  }

  #publish(slot: number, tail: SessionTail): void {
    this.tails.set(slot, tail);
    const segments = (this.segments.get(slot) ?? []).filter((segment) => segment.firstSeq !== tail.segmentFirstSeq);
    segments.push({ firstSeq: tail.segmentFirstSeq, lastSeq: tail.head, sizeBytes: tail.endPosition, archived: false });
    this.segments.set(slot, segments);
  }

  #jobOf(batches: readonly TestBatch[]): IngestJob {
    this.#jobNumber = nextJobNumber(this.#jobNumber);
    const rows = this.#desk.rowsOf(this.#jobNumber);
    const { items } = rows;
    const adoptions: IngestJob["adoptions"][number][] = [];
    const keys: string[] = [];
    let offset = 0;
    for (const [index, { slot, body, key }] of batches.entries()) {
      const bytes = utf8(body);
      this.#slab.set(bytes, offset);
      const row = index * itemWordCount;
      items[row + itemAt.kind] = itemKind.append;
      items[row + itemAt.slot] = slot;
      items[row + itemAt.offset] = offset;
      items[row + itemAt.sizeBytes] = bytes.length;
      items[row + itemAt.bodyKind] = bodyKind.json;
      items[row + itemAt.encoding] = bodyEncoding.identity;
      items[row + itemAt.receivedMs] = 1_700_000_000_000;
      items[row + itemAt.extra] = key === undefined ? -1 : keys.push(key) - 1;
      offset += bytes.length;
      if (this.#adopted.has(slot)) continue;
      this.#adopted.add(slot);
      const tail = this.tails.get(slot) ?? { head: 0, segmentFirstSeq: 0, endPosition: 0 };
      adoptions.push({ slot, id: idOfSlot(slot), tail, segments: this.segments.get(slot) ?? [] });
    }
    const grant = this.#ring.grant(1 << 15);
    const common = { number: this.#jobNumber, itemCount: batches.length, adoptions, keys, documents: [], attempt: 1 };
    return { ...common, ...rows, ringPosition: grant.position, ringLimit: grant.limit };
  }
}
