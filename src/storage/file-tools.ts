/** Small compounds of file operations that several parts of storage need. */
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import { errorCodeOf, type FileLayer, type OpenMode } from "./files.ts";

/**
 * Writes all of `source[offset, offset + sizeBytes)` at `position`, normally in one write. libuv finishes short writes
 * itself, so a short count means that the next try fails: that try brings the errno, which is thrown.
 */
export function writeWhole(
  files: FileLayer,
  descriptor: number,
  source: AnyBytes,
  offset: number,
  sizeBytes: number,
  position: number,
): void {
  let done = 0;
  while (done < sizeBytes) done += files.write(descriptor, source, offset + done, sizeBytes - done, position + done);
}

/** Reads up to `sizeBytes` at `position` and returns how many came; fewer only at the file's end. */
export function readWhole(
  files: FileLayer,
  descriptor: number,
  target: AnyBytes,
  offset: number,
  sizeBytes: number,
  position: number,
): number {
  let done = 0;
  while (done < sizeBytes) {
    const count = files.read(descriptor, target, offset + done, sizeBytes - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Opens `path`, hands the descriptor to `use` and closes it whatever happens. */
export function withFile<T>(files: FileLayer, path: string, mode: OpenMode, use: (descriptor: number) => T): T {
  const descriptor = files.open(path, mode);
  let isDone = false;
  try {
    const result = use(descriptor);
    isDone = mode !== "read";
    return result;
  } finally {
    // Some file systems tell of failed writes only here.
    if (isDone) files.close(descriptor);
    else closeQuietly(files, descriptor);
  }
}

/** Closes a file of which no write can be lost any more: the descriptor is gone whether that fails or not. */
export function closeQuietly(files: FileLayer, descriptor: number): void {
  try {
    files.close(descriptor);
  } catch (error) {
    errorCodeOf(error);
  }
}

/** No small file of ours comes near this; what does is something else under its name. */
const smallFileSizeBytesMax = 16 * 1024 * 1024;

/**
 * Returns the content of a small file, or undefined when there is none. Also reads files of /proc, which have no size.
 * One over `sizeBytesMax` fails with EFBIG.
 */
export function tryReadFile(
  files: FileLayer,
  path: string,
  sizeBytesMax: number = smallFileSizeBytesMax,
): OwnedBytes | undefined {
  try {
    return withFile(files, path, "read", (descriptor) => readToEnd(files, descriptor, sizeBytesMax));
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function readToEnd(files: FileLayer, descriptor: number, sizeBytesMax: number): OwnedBytes {
  let content = new Uint8Array(Math.max(4096, Math.min(files.sizeOf(descriptor), sizeBytesMax) + 1));
  let length = 0;
  for (;;) {
    length += readWhole(files, descriptor, content, length, content.length - length, length);
    if (length > sizeBytesMax) throw Object.assign(new Error(`EFBIG: it is over ${sizeBytesMax} bytes`), { code: "EFBIG" });
    if (length < content.length) return content.slice(0, length);
    const grown = new Uint8Array(content.length * 2);
    grown.set(content);
    content = grown;
  }
}

/** Writes a whole new file beside `path` and renames it into place, so that nobody ever sees half of it. */
export function replaceFile(files: FileLayer, directory: string, name: string, content: AnyBytes, isSynced: boolean): void {
  const temporary = `${directory}/${name}.tmp`;
  tryUnlink(files, temporary);
  try {
    withFile(files, temporary, "create", (descriptor) => {
      writeWhole(files, descriptor, content, 0, content.length, 0);
      if (isSynced) files.syncData(descriptor);
    });
    files.rename(temporary, `${directory}/${name}`);
  } catch (error) {
    tryUnlink(files, temporary);
    throw error;
  }
  if (isSynced) files.syncDirectory(directory);
}

/** Removes a file if it is there; false when that failed for another reason. */
export function tryUnlink(files: FileLayer, path: string): boolean {
  try {
    files.unlink(path);
    return true;
  } catch (error) {
    return errorCodeOf(error) === "ENOENT";
  }
}

/** Makes a directory unless it is there. */
export function ensureDirectory(files: FileLayer, path: string): void {
  try {
    files.makeDirectory(path);
  } catch (error) {
    if (errorCodeOf(error) !== "EEXIST") throw error;
  }
}

/** Returns the names in a directory, none when it does not exist. */
export function listIfThere(files: FileLayer, path: string): string[] {
  try {
    return files.list(path);
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return [];
    throw error;
  }
}
