/** Every file operation of storage, behind one interface, so that tests can record them, fail them and lose power. */
import * as fs from "node:fs";
import { promisify } from "node:util";
import type { AnyBytes } from "../base/bytes.ts";

/** `read`: must exist. `write`: must exist, read and write. `create`: must not exist, read and write. */
export type OpenMode = "read" | "write" | "create";

export interface FileStatus {
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  readonly isDirectory: boolean;
}

export interface DiskSpace {
  /** What an ordinary user may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** A file operation failed: the machine's error, with the code of its errno (`ENOSPC`, `EIO` …). */
export interface FileError extends Error {
  readonly code: string;
}

/**
 * Operations on files and directories. All throw a `FileError`; all are synchronous (workers have nothing else to do) but
 * those of a sync round. Files are made 0600, directories 0700.
 */
export interface FileLayer {
  open(path: string, mode: OpenMode): number;
  close(descriptor: number): void;
  /** Reads up to `sizeBytes` at `position` of the file and returns how many came; fewer only at its end. */
  read(descriptor: number, target: AnyBytes, offset: number, sizeBytes: number, position: number): number;
  /** Writes at `position` and returns how many bytes went; fewer: the next try tells why. */
  write(descriptor: number, source: AnyBytes, offset: number, sizeBytes: number, position: number): number;
  sizeOf(descriptor: number): number;
  truncate(descriptor: number, sizeBytes: number): void;
  syncData(descriptor: number): void;
  syncDataAsync(descriptor: number): Promise<void>;
  /** Makes names in the directory durable. */
  syncDirectory(path: string): void;
  syncDirectoryAsync(path: string): Promise<void>;
  rename(source: string, target: string): void;
  /** Gives a file a second name; fails with EEXIST when the name is taken. */
  link(source: string, target: string): void;
  unlink(path: string): void;
  makeDirectory(path: string): void;
  removeDirectory(path: string): void;
  /** Names in a directory, in no order. */
  list(path: string): string[];
  /** Undefined when there is no such file or directory. */
  status(path: string): FileStatus | undefined;
  diskSpace(path: string): DiskSpace;
}

const openFlags: Readonly<Record<OpenMode, string | number>> = {
  // Whoever opens a pipe waits for its other end otherwise; files do not care.
  read: fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0),
  write: "r+",
  create: "wx+",
};
const syncData = promisify(fs.fdatasync);
const sync = promisify(fs.fsync);
const open = promisify(fs.open);
const close = promisify(fs.close);

/** The machine's own files. */
export const systemFiles: FileLayer = {
  open: (path, mode) => fs.openSync(path, openFlags[mode], 0o600),
  close: (descriptor) => fs.closeSync(descriptor),
  read: (descriptor, target, offset, sizeBytes, position) => fs.readSync(descriptor, target, offset, sizeBytes, position),
  write: (descriptor, source, offset, sizeBytes, position) => fs.writeSync(descriptor, source, offset, sizeBytes, position),
  sizeOf: (descriptor) => fs.fstatSync(descriptor).size,
  truncate: (descriptor, sizeBytes) => fs.ftruncateSync(descriptor, sizeBytes),
  syncData: (descriptor) => fs.fdatasyncSync(descriptor),
  syncDataAsync: (descriptor) => syncData(descriptor),
  syncDirectory: (path) => {
    const descriptor = fs.openSync(path, "r");
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  },
  syncDirectoryAsync: async (path) => {
    const descriptor = await open(path, "r");
    try {
      await sync(descriptor);
    } finally {
      await close(descriptor);
    }
  },
  rename: (source, target) => fs.renameSync(source, target),
  link: (source, target) => fs.linkSync(source, target),
  unlink: (path) => fs.unlinkSync(path),
  makeDirectory: (path) => fs.mkdirSync(path, { mode: 0o700 }),
  removeDirectory: (path) => fs.rmdirSync(path),
  list: (path) => fs.readdirSync(path),
  status: (path) => {
    const found = fs.statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    return { sizeBytes: found.size, modifiedMs: found.mtimeMs, isDirectory: found.isDirectory() };
  },
  diskSpace: (path) => {
    const found = fs.statfsSync(path);
    return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
  },
};

/** Not the codes of wrong arguments (`ERR_…`). */
const errnoPattern = /^E[A-Z0-9]+$/;

/** Returns the errno code of what a file operation threw; rethrows what is no file error: that is a bug. */
export function errorCodeOf(error: unknown): string {
  const code = (error as Partial<FileError> | undefined)?.code;
  if (error instanceof Error && typeof code === "string" && errnoPattern.test(code)) return code;
  throw error;
}
