/** Plain counts of what the server did; metrics and `/stats/sessions` read them. */
export class Counters {
  /** Contract 7. */
  read = 0;
  write = 0;
  delete = 0;
  list = 0;
  request = 0;
  bad_request = 0;
  /** Entries and bytes of bodies that were stored. */
  storedEntryCount = 0;
  storedSizeBytes = 0;
  duplicateBatchCount = 0;
  refusedBatchCount = 0;
  overloadedCount = 0;
  /** Found at start: bytes of torn writes that were cut, ranges of entries that can not be read. */
  cutSizeBytes = 0;
  damagedRangeCount = 0;
  /** Live. */
  deltaCount = 0;
  deltaSizeBytes = 0;
  gapCount = 0;
  slowReaderCount = 0;
  drainCount = 0;
}
