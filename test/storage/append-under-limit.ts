/** Appends some MiB to one session in the data directory it is given, and says what was taken: run under a file size limit. */
import { isFailure } from "#src/storage/failure.ts";
import { systemFiles as files } from "#src/storage/files.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { append, idOf, textsFrom } from "./blocks.ts";

const dataDir = process.argv[2];
if (dataDir !== undefined) {
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 64 * 1024 * 1024, descriptorCountMax: 4 });
  writer.adopt(idOf(1), { head: 0, segmentFirstSeq: 0, endPosition: 0 });
  let head = 0;
  const refusedCodes: string[] = [];
  for (let batch = 0; batch < 200; batch++) {
    const appended = append(writer, idOf(1), textsFrom(head + 1, 10, 1000));
    if (isFailure(appended)) refusedCodes.push(appended.code);
    else head = appended.tail.head;
  }
  writer.close();
  console.log(JSON.stringify({ head, refusedCodes }));
}
