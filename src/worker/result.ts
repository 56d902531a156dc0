/** Collects what a job did, in the rows that handoff/job.ts describes. */
import { assert } from "../base/assert.ts";
import {
  blockWordAt,
  blockWordCount,
  type JobCost,
  type JobResult,
  type JobRows,
  outcomeAt,
  outcomeStatus,
  outcomeWordCount,
} from "../handoff/job.ts";
import type { SessionTail } from "../storage/types.ts";
import type { Refusal } from "../wire/outcome.ts";

export class ResultWriter {
  readonly #outcomes: Float64Array;
  readonly #blocks: Float64Array;
  #blockCount = 0;
  readonly #refusals: [number, Refusal][] = [];

  /** @param rows of the job. */
  constructor({ outcomes, blocks }: JobRows) {
    this.#outcomes = outcomes;
    this.#blocks = blocks;
  }

  outcome(item: number, status: number, first: number, count: number): void {
    const row = item * outcomeWordCount;
    this.#outcomes[row + outcomeAt.status] = status;
    this.#outcomes[row + outcomeAt.first] = first;
    this.#outcomes[row + outcomeAt.count] = count;
  }

  refuse(item: number, refusal: Refusal): void {
    this.outcome(item, outcomeStatus.refused, 0, 0);
    this.#refusals.push([item, refusal]);
  }

  block(slot: number, ringPosition: number, sizeBytes: number, firstSeq: number, count: number, tail: SessionTail): void {
    const row = this.#blockCount * blockWordCount;
    assert(row + blockWordCount <= this.#blocks.length, "a job writes no more blocks than there may be items");
    this.#blocks[row + blockWordAt.slot] = slot;
    this.#blocks[row + blockWordAt.ringPosition] = ringPosition;
    this.#blocks[row + blockWordAt.sizeBytes] = sizeBytes;
    this.#blocks[row + blockWordAt.firstSeq] = firstSeq;
    this.#blocks[row + blockWordAt.count] = count;
    this.#blocks[row + blockWordAt.segmentFirstSeq] = tail.segmentFirstSeq;
    this.#blocks[row + blockWordAt.endPosition] = tail.endPosition;
    this.#blockCount++;
  }

  finish(cost: JobCost): JobResult<Refusal> {
    return { blockCount: this.#blockCount, refusals: this.#refusals, cost };
  }
}
