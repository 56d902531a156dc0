/** The elements of the rows that are drawn: taken again for other rows, kept for the same one, measured when needed. */

/** A row of a list; keys are unique. */
export interface Keyed {
  readonly key: string | number;
}

export interface RowPainter<R extends Keyed> {
  create(): HTMLElement;
  /** Fills `element` with `row`; returns whether its height may differ from the usual one. */
  fill(element: HTMLElement, row: R): boolean;
}

interface Drawn<R> {
  readonly element: HTMLElement;
  row: R | undefined;
  revision: number;
  index: number;
  start: number;
  isVariable: boolean;
}

export class RowPool<R extends Keyed> {
  readonly #stage: HTMLElement;
  readonly #painter: RowPainter<R>;
  readonly #drawn = new Map<string | number, Drawn<R>>();
  readonly #spare: HTMLElement[] = [];
  readonly #resizes: ResizeObserver;
  /** Rows drawn under another revision are filled anew. */
  #revision = 0;

  constructor(stage: HTMLElement, painter: RowPainter<R>, onResize: () => void) {
    this.#stage = stage;
    this.#painter = painter;
    this.#resizes = new ResizeObserver(onResize);
  }

  /** Fills every row anew when it is drawn next. */
  refresh(): void {
    this.#revision++;
  }

  dispose(): void {
    this.#resizes.disconnect();
  }

  /** Draws the rows at `indexes` and no others; `starts` are their offsets in the stage. */
  draw(rows: readonly R[], indexes: readonly number[], starts: Float64Array): void {
    const wanted = new Set(indexes.map((index) => rows[index]!.key));
    for (const [key, { element }] of this.#drawn) {
      if (wanted.has(key)) continue;
      this.#drawn.delete(key);
      this.#spare.push(element);
    }
    for (const index of indexes) this.#drawRow(rows[index]!, index, starts[index]!);
    for (const element of this.#spare) element.hidden = true;
  }

  /** Returns the first row at or below `top` as it was drawn last that still is in `rows`: where it is, and was. */
  anchor(rows: readonly R[], top: number): { index: number; start: number } | undefined {
    if (this.#drawn.size === 0) return undefined;
    let best: { index: number; start: number } | undefined;
    let bestDistance = Number.POSITIVE_INFINITY;
    for (let index = 0; index < rows.length; index++) {
      const start = this.#drawn.get(rows[index]!.key)?.start;
      if (start === undefined) continue;
      // A row above the view counts only when none in it is left.
      const distance = start >= top ? start - top : 1e6 + top - start;
      if (distance >= bestDistance) continue;
      bestDistance = distance;
      best = { index, start };
    }
    return best;
  }

  /** Returns the rows whose height is another than `sizes` has it; absent there it is `usualPx`. */
  measure(sizes: ReadonlyMap<string | number | bigint, number>, usualPx: number): { index: number; size: number }[] {
    const changed: { index: number; size: number }[] = [];
    for (const [key, { element, index, isVariable }] of this.#drawn) {
      const known = sizes.get(key) ?? usualPx;
      const size = isVariable ? element.offsetHeight : usualPx;
      if (known !== size) changed.push({ index, size });
    }
    return changed;
  }

  /** Puts the elements into the document in the order they are seen, for those who read it in order. */
  sort(): void {
    const sorted = [...this.#drawn.values()].sort((one, other) => one.index - other.index);
    let next: Element | null = this.#stage.firstElementChild;
    for (const { element } of sorted) {
      if (element === next) next = next.nextElementSibling;
      else this.#stage.insertBefore(element, next);
    }
  }

  #drawRow(row: R, index: number, start: number): void {
    let drawn = this.#drawn.get(row.key);
    if (drawn === undefined) {
      drawn = { element: this.#takeElement(), row: undefined, revision: 0, index, start, isVariable: false };
      this.#drawn.set(row.key, drawn);
    }
    const { element } = drawn;
    drawn.index = index;
    drawn.start = start;
    element.style.transform = `translateY(${start}px)`;
    if (drawn.row === row && drawn.revision === this.#revision) return;
    drawn.row = row;
    drawn.revision = this.#revision;
    drawn.isVariable = this.#painter.fill(element, row);
    if (drawn.isVariable) this.#resizes.observe(element);
    else this.#resizes.unobserve(element);
  }

  #takeElement(): HTMLElement {
    const spare = this.#spare.pop();
    if (spare !== undefined) {
      spare.hidden = false;
      return spare;
    }
    const element = this.#painter.create();
    this.#stage.append(element);
    return element;
  }
}
