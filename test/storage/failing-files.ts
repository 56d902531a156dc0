/** A file layer in which chosen operations fail, as disks do: a failed write leaves half, a failed sync forgets its pages. */
import type { AnyBytes } from "#src/base/bytes.ts";
import type { FileLayer } from "#src/storage/files.ts";
import { fileError, type MemoryFiles } from "./memory-files.ts";

/** Decides before each operation whether it fails, and with which code. */
export type FailurePlan = (operation: keyof FileLayer, count: number) => string | undefined;

/** Operations that change nothing and that no disk fails in the middle of. */
const harmless = new Set<keyof FileLayer>(["status", "sizeOf", "diskSpace"]);

/** Returns `files` in which `plan` makes operations fail; `count` numbers them from 1. */
export function failingFiles(files: MemoryFiles, plan: FailurePlan): { layer: FileLayer; operationCount: () => number } {
  let count = 0;
  const layer = new Proxy(files as FileLayer, {
    get:
      (_target, name: keyof FileLayer) =>
      (...values: never[]) => {
        const code = harmless.has(name) ? undefined : plan(name, ++count);
        if (code === undefined) return (files[name] as (...values: never[]) => unknown)(...values);
        return fail(files, name, values, code);
      },
  });
  return { layer, operationCount: () => count };
}

function fail(files: MemoryFiles, name: keyof FileLayer, values: never[], code: string): unknown {
  const error = fileError(code, `${name} ${String(values[0])}`);
  if (name === "write") {
    const [descriptor, source, offset, sizeBytes, position] = values as unknown as [number, AnyBytes, number, number, number];
    const half = sizeBytes >> 1;
    if (half > 0) files.write(descriptor, source, offset, half, position);
  }
  if (name === "syncData" || name === "syncDataAsync") files.failSync(values[0] as unknown as number);
  // A descriptor is gone whether its close succeeds or not.
  if (name === "close") files.close(values[0] as unknown as number);
  if (name === "syncDataAsync" || name === "syncDirectoryAsync") return Promise.reject(error);
  throw error;
}
