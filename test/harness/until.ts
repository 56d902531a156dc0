/** Waiting for a condition: the only kind of waiting that process tests do. */

/** Milliseconds between two looks; a look that finds nothing costs next to nothing. */
const lookEveryMs = 10;

/** How long a condition may take before its test fails; far beyond what a busy machine needs. */
export const patienceMs = 60_000;

/**
 * Looks until `probe` returns a value other than undefined and false, and returns it.
 * @param what names the condition in the failure.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  withinMs = patienceMs,
): Promise<Exclude<T, undefined | false>> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (performance.now() > endMs) throw new Error(`waited ${withinMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** Returns what `promise` brings, or fails when it brings nothing in time. */
export async function inTime<T>(what: string, promise: Promise<T>, withinMs = patienceMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${withinMs} ms in vain for: ${what}`)), withinMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
