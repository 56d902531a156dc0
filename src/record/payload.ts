/**
 * Geometry of a payload: the FlatBuffers table `LogBatch` of schema/batch.fbs as this program writes it.
 *
 *   0      4      8        40        100
 *   | root | TRLB | vtable | table 60 | timestamps | seqs | u32 columns | levels | dictionaries | text | fields | zeros
 *
 * All offsets of FlatBuffers but the table's own point forward, so the table may lie before its vectors and the whole is
 * written front to back. Vectors of 64-bit values start 8-aligned, others 4-aligned, relative to the payload's start.
 */

/** "TRLB" */
export const payloadIdentifier = 0x424c5254;

/** Number of each member in the vtable, as schema/batch.fbs orders them. */
export const memberOf = {
  count: 0,
  timestamps: 1,
  levels: 2,
  loggers: 3,
  loggerIndexes: 4,
  text: 5,
  textEnds: 6,
  templates: 7,
  templateIndexes: 8,
  fields: 9,
  fieldEnds: 10,
  firstSeq: 11,
  seqs: 12,
} as const;
export const memberCount = 13;

/** Byte offsets from the payload's start. */
export const payloadAt = { root: 0, identifier: 4, vtable: 8, table: 40, vectors: 100 } as const;
export const vtableSizeBytes = 4 + memberCount * 2;
export const tableSizeBytes = payloadAt.vectors - payloadAt.table;

/** Byte offsets within the table. */
export const tableAt = {
  vtable: 0,
  count: 4,
  firstSeq: 8,
  timestamps: 16,
  levels: 20,
  loggers: 24,
  loggerIndexes: 28,
  text: 32,
  textEnds: 36,
  templates: 40,
  templateIndexes: 44,
  fields: 48,
  fieldEnds: 52,
  seqs: 56,
} as const;

/** Two words make a number: exact up to 2^53. */
export const wordFactor = 2 ** 32;

/** Returns `value` rounded up to a multiple of 4. */
export function align4(value: number): number {
  return Math.ceil(value / 4) * 4;
}
