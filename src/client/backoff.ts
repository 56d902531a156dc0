/** Waiting between attempts: exponential, capped, with jitter so that many clients do not come back at once. */

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
}

/** The delays that a person at a terminal hardly notices, then ones that do not hurry a struggling server. */
export const backoffDefaults: BackoffOptions = { firstMs: 100, maxMs: 5000, random: Math.random };

/** Returns the delay before attempt `attempt` (1 for the first repeat): half of it fixed, half by chance. */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const full = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (full / 2) * options.random();
}

/** Waits on something that can be given up: resolves after `delayMs`, rejects with the signal's reason. */
export function delay(
  clock: { after(delayMs: number, action: () => void): () => void },
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const giveUp = () => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", giveUp);
      resolve();
    });
    signal?.addEventListener("abort", giveUp, { once: true });
  });
}
