/** What columns come to once they are a block. */
import type { EntryColumns } from "./columns.hot.ts";

/** An entry's row in all columns. */
export const rowSizeBytes = 25;
/** What a distinct string costs in a dictionary beside its bytes. */
const stringOverheadBytes = 16;

/** Returns what the columns come to in a block, its header aside. */
export function columnsSizeBytes(columns: EntryColumns): number {
  const { loggers, templates } = columns;
  const strings = (loggers.count + templates.count) * stringOverheadBytes + loggers.bytes.length + templates.bytes.length;
  return columns.count * rowSizeBytes + columns.text.length + columns.fields.length + strings;
}
