/** How much room the disk has, and whether it takes writes. */
import { failureOf } from "./failure.ts";
import { tryUnlink, withFile, writeWhole } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";
import type { StorageFailure } from "./types.ts";

const lowWaterSizeBytesMin = 512 * 1024 * 1024;
const lowWaterShare = 0.02;
/** As much as small batches need: a disk that takes this takes the next ones too. */
const probeSizeBytes = 64 * 1024;

/** Room on the data directory's disk. */
export interface DiskCheck {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly lowWaterBytes: number;
  /** True: intake must be refused before anything is written. */
  readonly isLow: boolean;
}

/**
 * Compares the free space with the low-water mark, or says why the disk does not tell.
 * @param lowWaterBytes undefined: the larger of 512 MiB and 2 % of the disk; 0: never low.
 */
export function checkDisk(files: FileLayer, dataDir: string, lowWaterBytes: number | undefined): DiskCheck | StorageFailure {
  try {
    const { freeBytes, totalBytes } = files.diskSpace(dataDir);
    const mark = lowWaterBytes ?? Math.max(lowWaterSizeBytesMin, totalBytes * lowWaterShare);
    return { freeBytes, totalBytes, lowWaterBytes: mark, isLow: freeBytes < mark };
  } catch (error) {
    return failureOf("the data directory can not be looked at", error);
  }
}

/** Writes and syncs a small file and removes it; returns why that failed, if it did. */
export function probeDisk(files: FileLayer, dataDir: string): StorageFailure | undefined {
  const path = `${dataDir}/.probe`;
  try {
    tryUnlink(files, path);
    withFile(files, path, "create", (descriptor) => {
      writeWhole(files, descriptor, new Uint8Array(probeSizeBytes), 0, probeSizeBytes, 0);
      files.syncData(descriptor);
    });
    return undefined;
  } catch (error) {
    return failureOf("the data directory does not take writes", error);
  } finally {
    tryUnlink(files, path);
  }
}
