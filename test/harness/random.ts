/** Random numbers that a seed repeats: a failing run is run again with the seed it printed. */

/** A source of random numbers. */
export interface Random {
  readonly seed: number;
  /** A number in [0, 1). */
  unit(): number;
  /** A whole number in [min, max]. */
  whole(min: number, max: number): number;
  /** One of `items`. */
  pick<T>(items: readonly T[]): T;
}

/** Returns the seed of this run: `TAILRACE_SEED`, or the clock. */
export function seedOfRun(): number {
  return Number(process.env["TAILRACE_SEED"] ?? Date.now() % 1_000_000_007);
}

/** Makes a source (mulberry32, public domain). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (min: number, max: number) => min + Math.floor(unit() * (max - min + 1));
  return { seed, unit, whole, pick: (items) => items[whole(0, items.length - 1)] as (typeof items)[number] };
}

let idCount = 0;

/** Returns a session id that nobody else in this process uses. */
export function freshSessionId(): string {
  const process24 = (process.pid & 0xffffff).toString(16).padStart(6, "0");
  const time = Math.floor(Date.now() / 1000)
    .toString(16)
    .padStart(8, "0");
  return `${time}${process24}${(++idCount).toString(16).padStart(10, "0")}`;
}
