/**
 * Writes entries as sections of payloads, the form of binary answers: a payload as it is stored where all of it is wanted,
 * and else one made of the wanted entries.
 *
 *   | u32 size | zeros 4 | payload, size % 8 = 0 |  and so on to the end
 */
import { assert } from "../base/assert.ts";
import type { ByteColumn } from "../base/bytes.ts";
import { Gatherer } from "../record/gather.hot.ts";
import type { BlockView } from "../record/scan.hot.ts";
import type { EntryWriter } from "./answer.hot.ts";
import { sectionHeadSizeBytes } from "./frame.ts";

/** Writes payloads, one section or none with each call. */
export class PayloadWriter implements EntryWriter {
  readonly separator = 0;
  readonly #gatherer = new Gatherer();

  append(
    view: BlockView,
    indexes: Uint32Array | undefined,
    from: number,
    to: number,
    target: ByteColumn,
    sizeBytesMax: number,
  ): number {
    if (from === to) return to;
    const room = Math.max(1, sizeBytesMax - target.length);
    if (indexes === undefined && to - from === view.count && view.payloadSizeBytes <= room) {
      this.#copy(view, target);
      return to;
    }
    this.#gatherer.begin();
    const next = this.#gatherer.add(view, indexes, from, to, room);
    const sizeBytes = this.#gatherer.payloadSizeBytes();
    const at = beginSection(target, sizeBytes);
    this.#gatherer.encode(target.bytes, at);
    target.length = at + sizeBytes;
    return next;
  }

  #copy(view: BlockView, target: ByteColumn): void {
    const sizeBytes = view.payloadSizeBytes;
    const at = beginSection(target, sizeBytes);
    target.bytes.set(view.bytes.subarray(view.payloadStart, view.payloadStart + sizeBytes), at);
    target.length = at + sizeBytes;
  }
}

/** Writes the head of a section and returns where its payload goes. */
function beginSection(target: ByteColumn, sizeBytes: number): number {
  assert(sizeBytes % 8 === 0, "payloads end 8-aligned");
  target.reserve(sectionHeadSizeBytes + sizeBytes);
  const at = target.length;
  assert(at % 8 === 0, "sections are 8-aligned");
  target.view.setUint32(at, sizeBytes, true);
  target.view.setUint32(at + 4, 0, true);
  return at + sectionHeadSizeBytes;
}
