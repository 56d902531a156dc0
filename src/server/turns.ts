/** Long loops on the main thread let intake have its turn. */

/** Calls `action` for each of `items`, `countMax` of them in one turn of the event loop. */
export async function inTurns<T>(items: Iterable<T>, countMax: number, action: (item: T) => void): Promise<void> {
  let count = 0;
  for (const item of items) {
    if (++count % countMax === 0) await nextTurn();
    action(item);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
