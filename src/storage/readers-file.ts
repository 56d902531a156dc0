/** readers.json: the durable readers of a session, written whole and synced, then renamed. */
import { type AnyBytes, textOf } from "../base/bytes.ts";
import type { SessionId } from "../base/ids.ts";
import { failureOf } from "./failure.ts";
import { replaceFile, tryReadFile } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";
import { sessionDirectory } from "./paths.ts";
import type { StorageFailure } from "./types.ts";

const readersFileName = "readers.json";

/** Writes the readers of a session; they survive power loss when this returns. */
export function writeReaders(files: FileLayer, dataDir: string, id: SessionId, content: AnyBytes): StorageFailure | undefined {
  try {
    replaceFile(files, sessionDirectory(dataDir, id), readersFileName, content, true);
    return undefined;
  } catch (error) {
    return failureOf(`readers.json of ${id} was not written`, error);
  }
}

/** Returns what was written last; undefined when nothing was, null when it is damaged. Throws a file error. */
export function readReaders(files: FileLayer, dataDir: string, id: SessionId): unknown {
  const bytes = tryReadFile(files, `${sessionDirectory(dataDir, id)}/${readersFileName}`);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(textOf(bytes));
  } catch {
    return null;
  }
}
