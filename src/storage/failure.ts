/** Makes failures of storage: values that cross threads, never exceptions once they leave this folder. */
import { errorCodeOf } from "./files.ts";
import type { StorageFailure } from "./types.ts";

/** Code of a failure that comes from what the files hold, not from the machine. */
export const refusedCode = "ETAILRACE";

/** Thrown inside storage when files hold what must not be touched; becomes a failure at its edge. */
export class StorageRefusal extends Error {
  readonly code = refusedCode;
}

/** Returns what a file operation threw as a failure of `action`; rethrows what is no file error. */
export function failureOf(action: string, error: unknown): StorageFailure {
  const code = errorCodeOf(error);
  return { kind: "failure", code, message: `${action}: ${(error as Error).message}` };
}

/** True when an answer of storage is a failure. */
export function isFailure(answer: object | undefined): answer is StorageFailure {
  return answer !== undefined && (answer as Partial<StorageFailure>).kind === "failure";
}
