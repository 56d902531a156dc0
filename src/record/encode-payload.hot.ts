/** Lays columns out as a bare payload, front to back, in the caller's memory. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, align8 } from "../base/bytes.ts";
import { LastWords } from "../base/words.hot.ts";
import type { EntryColumns } from "./columns.hot.ts";
import type { Dictionary } from "./dictionary.hot.ts";
import {
  align4,
  memberOf,
  payloadAt,
  payloadIdentifier,
  tableAt,
  tableSizeBytes,
  vtableSizeBytes,
  wordFactor,
} from "./payload.ts";

assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "columns are copied as they lie: little-endian machines only");

/** Up to so many elements a loop beats making two views for a bulk copy. */
const loopCountMax = 32;
const noBytes = new Uint8Array(0);

/** Where the elements of each vector begin, from the payload's start; 0: the vector is absent. */
const plan = {
  timestamps: 0,
  seqs: 0,
  textEnds: 0,
  loggerIndexes: 0,
  templateIndexes: 0,
  fieldEnds: 0,
  levels: 0,
  loggers: 0,
  templates: 0,
  text: 0,
  fields: 0,
  sizeBytes: 0,
};

const targets = new LastWords();
let data = targets.of(noBytes);

/** Returns the words of `target`, which those who write words write to from here on. */
export function wordsOf(target: AnyBytes): DataView {
  data = targets.of(target);
  return data;
}

/** Returns the exact size in bytes of the payload that `columns` make. */
export function payloadSizeBytes(columns: EntryColumns, hasSeqs: boolean, hasText = true): number {
  planPayload(columns, hasSeqs, hasText);
  return plan.sizeBytes;
}

/**
 * Writes a bare payload of `columns` at `offset` of `target` and returns its size.
 * @param seqs seq of each entry where they are not consecutive; `firstSeq` is then the first of them.
 * @param hasText false in a client's batch whose entries all have a template: the server renders them.
 */
export function encodePayload(
  columns: EntryColumns,
  firstSeq: number,
  seqs: Float64Array | undefined,
  target: AnyBytes,
  offset: number,
  hasText = true,
): number {
  planPayload(columns, seqs !== undefined, hasText);
  assert(offset >= 0 && offset + plan.sizeBytes <= target.length, "the payload fits its target");
  wordsOf(target);
  const count = columns.count;
  writeTable(count, firstSeq, offset);
  let at = offset + payloadAt.vectors;
  at = writeWords(columns.timestamps, count * 2, count, target, at);
  if (seqs !== undefined) at = writeSeqs(seqs, count, at);
  if (hasText) at = writeWords(columns.textEnds, count + 1, count + 1, target, at);
  if (plan.loggerIndexes > 0) at = writeWords(columns.loggerIndexes, count, count, target, at);
  if (plan.templateIndexes > 0) at = writeWords(columns.templateIndexes, count, count, target, at);
  if (plan.fieldEnds > 0) at = writeWords(columns.fieldEnds, count + 1, count + 1, target, at);
  at = writeBytes(columns.levels, count, target, at);
  if (plan.loggers > 0) at = writeStrings(columns.loggers, target, at);
  if (plan.templates > 0) at = writeStrings(columns.templates, target, at);
  if (hasText) at = writeBytes(columns.text.bytes, columns.text.length, target, at);
  if (plan.fields > 0) at = writeBytes(columns.fields.bytes, columns.fields.length, target, at);
  assert(align8(at - offset) === plan.sizeBytes, "what was planned was written");
  zeroBytes(target, at, offset + plan.sizeBytes);
  return plan.sizeBytes;
}

/** Fills `plan`. Columns that would say nothing (no logger, no template, no fields in the whole batch) are left out. */
function planPayload(columns: EntryColumns, hasSeqs: boolean, hasText: boolean): void {
  const count = columns.count;
  const hasLoggers = columns.loggers.count > 0;
  const hasTemplates = columns.templates.count > 0;
  const hasFields = columns.fields.length > 0;
  let at: number = payloadAt.vectors;
  plan.timestamps = at + 4;
  at += 4 + count * 8;
  plan.seqs = hasSeqs ? at + 8 : 0;
  at += hasSeqs ? 8 + count * 8 : 0;
  plan.textEnds = hasText ? at + 4 : 0;
  at += hasText ? 4 + (count + 1) * 4 : 0;
  plan.loggerIndexes = hasLoggers ? at + 4 : 0;
  at += hasLoggers ? 4 + count * 4 : 0;
  plan.templateIndexes = hasTemplates ? at + 4 : 0;
  at += hasTemplates ? 4 + count * 4 : 0;
  plan.fieldEnds = hasFields ? at + 4 : 0;
  at += hasFields ? 4 + (count + 1) * 4 : 0;
  plan.levels = at + 4;
  at += 4 + align4(count);
  plan.loggers = hasLoggers ? at + 4 : 0;
  at += hasLoggers ? stringsSizeBytes(columns.loggers) : 0;
  plan.templates = hasTemplates ? at + 4 : 0;
  at += hasTemplates ? stringsSizeBytes(columns.templates) : 0;
  plan.text = hasText ? at + 4 : 0;
  at += hasText ? 4 + align4(columns.text.length) : 0;
  plan.fields = hasFields ? at + 4 : 0;
  at += hasFields ? 4 + align4(columns.fields.length) : 0;
  plan.sizeBytes = align8(at);
  assert(plan.timestamps % 8 === 0 && plan.seqs % 8 === 0, "vectors of 64-bit values are 8-aligned");
}

function stringsSizeBytes(strings: Dictionary): number {
  let size = 4 + strings.count * 4;
  for (let index = 1; index <= strings.count; index++) size += 4 + align4(strings.end(index) - strings.start(index) + 1);
  return size;
}

function writeTable(count: number, firstSeq: number, offset: number): void {
  const vtable = offset + payloadAt.vtable;
  const table = offset + payloadAt.table;
  data.setUint32(offset + payloadAt.root, payloadAt.table, true);
  data.setUint32(offset + payloadAt.identifier, payloadIdentifier, true);
  data.setUint16(vtable, vtableSizeBytes, true);
  data.setUint16(vtable + 2, tableSizeBytes, true);
  data.setUint16(vtable + vtableSizeBytes, 0, true);
  data.setInt32(table, payloadAt.table - payloadAt.vtable, true);
  data.setUint16(vtable + 4 + memberOf.count * 2, tableAt.count, true);
  data.setUint32(table + tableAt.count, count, true);
  data.setUint16(vtable + 4 + memberOf.firstSeq * 2, tableAt.firstSeq, true);
  setUint64(table + tableAt.firstSeq, firstSeq);
  writeMember(offset, memberOf.timestamps, tableAt.timestamps, plan.timestamps);
  writeMember(offset, memberOf.levels, tableAt.levels, plan.levels);
  writeMember(offset, memberOf.loggers, tableAt.loggers, plan.loggers);
  writeMember(offset, memberOf.loggerIndexes, tableAt.loggerIndexes, plan.loggerIndexes);
  writeMember(offset, memberOf.text, tableAt.text, plan.text);
  writeMember(offset, memberOf.textEnds, tableAt.textEnds, plan.textEnds);
  writeMember(offset, memberOf.templates, tableAt.templates, plan.templates);
  writeMember(offset, memberOf.templateIndexes, tableAt.templateIndexes, plan.templateIndexes);
  writeMember(offset, memberOf.fields, tableAt.fields, plan.fields);
  writeMember(offset, memberOf.fieldEnds, tableAt.fieldEnds, plan.fieldEnds);
  writeMember(offset, memberOf.seqs, tableAt.seqs, plan.seqs);
}

/** Notes in vtable and table where the elements of a vector begin; its length lies 4 bytes before. */
function writeMember(offset: number, member: number, inTable: number, elements: number): void {
  const slot = offset + payloadAt.vtable + 4 + member * 2;
  const at = offset + payloadAt.table + inTable;
  data.setUint16(slot, elements === 0 ? 0 : inTable, true);
  data.setUint32(at, elements === 0 ? 0 : offset + elements - 4 - at, true);
}

/** Writes a vector of `length` elements made of `wordCount` words. */
function writeWords(source: Int32Array | Uint32Array, wordCount: number, length: number, target: AnyBytes, at: number): number {
  data.setUint32(at, length, true);
  const start = at + 4;
  if (wordCount <= loopCountMax) {
    for (let index = 0; index < wordCount; index++) data.setInt32(start + index * 4, source[index]!, true);
  } else {
    target.set(new Uint8Array(source.buffer, source.byteOffset, wordCount * 4), start);
  }
  return start + wordCount * 4;
}

function writeSeqs(seqs: Float64Array, count: number, at: number): number {
  assert(seqs.length >= count, "every entry has a seq");
  data.setUint32(at, 0, true);
  data.setUint32(at + 4, count, true);
  for (let index = 0; index < count; index++) setUint64(at + 8 + index * 8, seqs[index]!);
  return at + 8 + count * 8;
}

function writeBytes(source: AnyBytes, count: number, target: AnyBytes, at: number): number {
  data.setUint32(at, count, true);
  const start = at + 4;
  if (count <= loopCountMax) {
    for (let index = 0; index < count; index++) target[start + index] = source[index]!;
  } else {
    target.set(source.subarray(0, count), start);
  }
  const end = start + align4(count);
  zeroBytes(target, start + count, end);
  return end;
}

/** Writes a vector of strings: the offsets, then each as length, bytes, a zero and padding. */
function writeStrings(strings: Dictionary, target: AnyBytes, at: number): number {
  const count = strings.count;
  const source = strings.bytes.bytes;
  data.setUint32(at, count, true);
  let next = at + 4 + count * 4;
  for (let index = 1; index <= count; index++) {
    const slot = at + index * 4;
    data.setUint32(slot, next - slot, true);
    const from = strings.start(index);
    const size = strings.end(index) - from;
    data.setUint32(next, size, true);
    const start = next + 4;
    for (let byte = 0; byte < size; byte++) target[start + byte] = source[from + byte]!;
    next = start + align4(size + 1);
    zeroBytes(target, start + size, next);
  }
  return next;
}

/** Writes a number up to 2^53 as two words of the last target of `wordsOf`. */
export function setUint64(at: number, value: number): void {
  data.setUint32(at, value % wordFactor, true);
  data.setUint32(at + 4, value / wordFactor, true);
}

/** Clears `target[start, end)`: a few bytes of padding. */
export function zeroBytes(target: AnyBytes, start: number, end: number): void {
  for (let at = start; at < end; at++) target[at] = 0;
}
