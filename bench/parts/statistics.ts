/** Order statistics of small and large sets. */

/** Returns the middle value; of an even count, the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/**
 * Returns the least and greatest value that the median of what `values` were drawn from has with a confidence of 95 %, by
 * the sign test (Conover, Practical Nonparametric Statistics, 3.2): from six values on; of fewer, the least and greatest of them.
 */
export function medianRange(values: readonly number[]): { readonly least: number; readonly greatest: number } {
  const sorted = values.toSorted((one, other) => one - other);
  const { length } = sorted;
  // How likely at most `cut + 1` of `length` tosses of a coin are heads: so many values too few may lie below the median.
  let cut = 0;
  let share = length / 2 ** length;
  let tail = 1 / 2 ** length + share;
  while (tail * 2 <= 0.05) {
    cut++;
    share = (share * (length - cut)) / (cut + 1);
    tail += share;
  }
  return { least: sorted[cut] ?? Number.NaN, greatest: sorted[length - 1 - cut] ?? Number.NaN };
}

/** Returns the value that `fraction` of `sorted` are at or under. @param sorted ascending. */
export function quantile(sorted: Float64Array, fraction: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN;
}

/** Milliseconds below which half, 99 % and 99.9 % of a set lie. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** Returns the quantiles of a set of milliseconds; undefined of an empty one. */
export function latencyOf(valuesMs: Float64Array): Latency | undefined {
  if (valuesMs.length === 0) return undefined;
  const sorted = valuesMs.slice().sort();
  return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), p999Ms: quantile(sorted, 0.999) };
}

/** Collects many numbers without a limit known before. */
export class Series {
  #values = new Float64Array(4096);
  #count = 0;

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const grown = new Float64Array(this.#values.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#count++] = value;
  }

  /** Returns a copy of what was added. */
  take(): Float64Array {
    return this.#values.slice(0, this.#count);
  }
}
