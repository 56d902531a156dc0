/** Temporary data directories that go away with their test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs `use` with a fresh data directory and removes it afterwards. */
export async function withDataDir<T>(use: (dataDir: string) => T | Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), "tailrace-storage-"));
  try {
    return await use(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
