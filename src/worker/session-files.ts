/** What a job does to the small files of a session, on the real file layer. */
import { utf8 } from "../base/bytes.ts";
import type { FileLayer } from "../storage/files.ts";
import { loadKeyWindow } from "../storage/key-load.ts";
import { writeReaders } from "../storage/readers-file.ts";
import { writeSessionRecord } from "../storage/session-file.ts";
import type { SessionFiles } from "./ingest.ts";

/** Returns the operations on the sessions of one shard. */
export function filesOf(files: FileLayer, dataDir: string): SessionFiles {
  return {
    writeRecord: (record) => writeSessionRecord(files, dataDir, record, false),
    writeReaders: (id, readers) => writeReaders(files, dataDir, id, utf8(JSON.stringify(readers))),
    loadKeys: (id, segments) => loadKeyWindow(files, dataDir, id, segments),
  };
}
