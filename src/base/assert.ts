/** Checks of our own invariants: a failure is a bug in this program, never the caller's input. */

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * Throws when `condition` does not hold. The thread dies, the process exits, recovery runs.
 * @param text constant: no formatting happens on the good path.
 */
export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new AssertionError(text);
}

/** Returns `value`, or throws when it is absent. */
export function must<T>(value: T | undefined | null, text: string): T {
  if (value === undefined || value === null) throw new AssertionError(text);
  return value;
}
