/** What the server asks of the machine beside its data: how many files it may open, and texts that come with the program. */
import { readFileSync } from "node:fs";
import { textOf } from "../base/bytes.ts";
import { tryReadFile } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";

const openFileLimitDefault = 256;

/** Returns the soft limit of open files (`ulimit -n`), from /proc/self/limits (proc(5)); a low guess where there is none. */
export function openFileLimit(files: FileLayer): number {
  try {
    const bytes = tryReadFile(files, "/proc/self/limits");
    const match = /^Max open files\s+(\d+|unlimited)/m.exec(bytes === undefined ? "" : textOf(bytes));
    if (match?.[1] === "unlimited") return Number.MAX_SAFE_INTEGER;
    return match === null ? openFileLimitDefault : Number(match[1]);
  } catch {
    return openFileLimitDefault;
  }
}

/** Returns a text file of the package (`package.json`, `schema/openapi.json`); src/ and dist/ lie beside it. */
export function packageText(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}
