/** A queue between callbacks and an async reader; who fills it looks at `weight` and slows down. */

interface Item<T> {
  readonly value: T;
  readonly weight: number;
}

export class EventQueue<T> {
  /** Sum of the weights of what waits. */
  weight = 0;
  #items: Item<T>[] = [];
  #wake: (() => void) | undefined;
  #error: { readonly reason: unknown } | undefined;

  push(value: T, weight = 0): void {
    this.#items.push({ value, weight });
    this.weight += weight;
    this.#wake?.();
  }

  /** Makes the reader throw `reason` once everything before it was read. */
  fail(reason: unknown): void {
    this.#error ??= { reason };
    this.#wake?.();
  }

  /** Returns everything that waits, or waits until something does. */
  async takeAll(): Promise<T[]> {
    while (this.#items.length === 0) {
      if (this.#error !== undefined) throw this.#error.reason;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const items = this.#items;
    this.#items = [];
    this.weight = 0;
    return items.map((item) => item.value);
  }
}
