/**
 * The scrolling list: a window of rows inside a scroll range that stands for the whole stream (model/scroll-map.ts).
 * Rows that are looked at stay where they are on the screen, whatever is added, dropped or measured around them.
 */
import { elementScroll, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import { idealBase, type Place, placeOutside, rebaseBy, type Stretch, spacerSize } from "../model/scroll-map.ts";
import { type Keyed, type RowPainter, RowPool } from "./row-pool.ts";

/** What the list shows; `before` and `after` count rows that exist and are not in `rows`. */
export interface ListContent<R extends Keyed> {
  readonly rows: readonly R[];
  readonly before: number;
  readonly after: number;
}

/**
 * Where the view goes with the next frame: an end of the list, or a row by its index. `here` brings the row to the view,
 * the others the view to the row; `near` moves no further than needed.
 */
export type Pin =
  | { readonly to: "start" | "end" }
  | { readonly to: "row"; readonly index: number; readonly align: "center" | "near" | "here" };

export interface ListDelegate<R extends Keyed> extends RowPainter<R> {
  /** Called once a frame while something is invalid. */
  content(): ListContent<R> & { readonly pin?: Pin | undefined };
  needBefore(): void;
  needAfter(): void;
  /** The view was dragged far out of the window. */
  jump(place: Place): void;
  /** The reader has scrolled; the frame that shows it is about to be drawn. */
  scrolled(): void;
  /** A frame was drawn. */
  placed(): void;
}

/** Rows drawn above and below the visible ones. */
const overscanRowCount = 12;
/** Distance to the edge of the window at which more is loaded. */
const nearEdgePx = 4000;
/** Screens that a drag moves at once and a wheel does not. */
const leapScreenCount = 3;
/** A drag that rests so long asks for what is under it. */
const jumpDelayMs = 40;
/** Heights remembered of rows that left the window. */
const sizeCountMax = 20_000;

export class VirtualList<R extends Keyed> {
  readonly #scroller: HTMLElement;
  readonly #spacer: HTMLElement;
  readonly #stage: HTMLElement;
  readonly #pool: RowPool<R>;
  readonly #delegate: ListDelegate<R>;
  readonly #virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  #content: ListContent<R> = { rows: [], before: 0, after: 0 };
  #starts = new Float64Array(0);
  #base = 0;
  #frameId = 0;
  #isInFrame = false;
  #isUserScroll = false;
  #isIdle = true;
  /** Where this list put the view itself: reaching it is no wish of the reader. */
  #ownTop = Number.NaN;
  #reportOffset: (offset: number, isScrolling: boolean) => void = () => {};
  #jumpTimer = 0;
  /** Where the view was when the last frame was drawn. */
  #lastTop = 0;
  #wasHidden = false;
  readonly #unmount: () => void;
  readonly rowSizePx: number;

  constructor(scroller: HTMLElement, rowSizePx: number, delegate: ListDelegate<R>) {
    this.#scroller = scroller;
    this.#delegate = delegate;
    this.rowSizePx = rowSizePx;
    this.#spacer = scroller.querySelector<HTMLElement>(".spacer")!;
    this.#stage = this.#spacer.querySelector<HTMLElement>(".stage")!;
    this.#pool = new RowPool(this.#stage, delegate, () => this.invalidate());
    this.#virtualizer = new Virtualizer(this.#options());
    this.#virtualizer.shouldAdjustScrollPositionOnItemSizeChange = () => false;
    this.#unmount = this.#virtualizer._didMount();
    this.#virtualizer._willUpdate();
  }

  /** Height of what is visible. */
  get viewSizePx(): number {
    return this.#scroller.clientHeight;
  }

  /** Whether the view stands at the first or last pixel of the stream. */
  isAt(end: "start" | "end"): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (end === "start") return this.#content.before === 0 && scrollTop <= this.#base + 2;
    return this.#content.after === 0 && scrollTop + clientHeight >= scrollHeight - 2;
  }

  /** Draws with the next frame. */
  invalidate(): void {
    if (this.#frameId === 0) this.#frameId = requestAnimationFrame(() => this.#frame());
  }

  /** Resolves when what is invalid now has been drawn. */
  drawn(): Promise<void> {
    this.invalidate();
    // Callbacks of one frame run in the order of their requests.
    return new Promise((resolve) => requestAnimationFrame(() => resolve()));
  }

  /** Fills every row anew, and forgets heights when they may have changed. */
  refresh(areSizesStale: boolean): void {
    this.#pool.refresh();
    if (areSizesStale) this.#virtualizer.itemSizeCache.clear();
    this.invalidate();
  }

  /** Returns the indexes of the first and last visible row, or undefined when none is. */
  visibleRange(): { first: number; last: number } | undefined {
    const top = this.#scroller.scrollTop - this.#base;
    const { length } = this.#content.rows;
    if (length === 0) return undefined;
    const first = this.#indexAt(top);
    const last = this.#indexAt(top + this.#scroller.clientHeight - 1);
    return { first: Math.max(0, first), last: Math.min(length - 1, last) };
  }

  dispose(): void {
    cancelAnimationFrame(this.#frameId);
    clearTimeout(this.#jumpTimer);
    this.#pool.dispose();
    this.#unmount();
  }

  #options() {
    const { rows } = this.#content;
    return {
      count: rows.length,
      getScrollElement: () => this.#scroller,
      estimateSize: () => this.rowSizePx,
      getItemKey: (index: number) => rows[index]!.key,
      paddingStart: this.#base,
      overscan: overscanRowCount,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset: (_: unknown, report: (offset: number, isScrolling: boolean) => void) => this.#observeOffset(report),
      onChange: () => this.#changed(),
    };
  }

  #observeOffset(report: (offset: number, isScrolling: boolean) => void): () => void {
    this.#reportOffset = report;
    const scrolled = () => {
      if (!(Math.abs(this.#scroller.scrollTop - this.#ownTop) <= 1)) {
        this.#isUserScroll = true;
        this.#isIdle = false;
        this.#ownTop = Number.NaN;
      }
      report(this.#scroller.scrollTop, true);
      this.invalidate();
    };
    const rested = () => {
      this.#isIdle = true;
      report(this.#scroller.scrollTop, false);
      this.invalidate();
    };
    this.#scroller.addEventListener("scroll", scrolled, { passive: true });
    this.#scroller.addEventListener("scrollend", rested, { passive: true });
    return () => {
      this.#scroller.removeEventListener("scroll", scrolled);
      this.#scroller.removeEventListener("scrollend", rested);
    };
  }

  /** The box was resized or the range moved. */
  #changed(): void {
    if (!this.#isInFrame) this.invalidate();
  }

  #frame(): void {
    this.#frameId = 0;
    if (this.#isHidden()) return;
    this.#isInFrame = true;
    const isUser = this.#isUserScroll;
    this.#isUserScroll = false;
    if (isUser) this.#delegate.scrolled();
    const { pin, ...content } = this.#delegate.content();
    this.#content = content;
    const isLeap = isUser && Math.abs(this.#scroller.scrollTop - this.#lastTop) > leapScreenCount * this.#scroller.clientHeight;
    this.#layOut(pin, isLeap);
    this.#draw();
    if (this.#measure()) {
      this.#layOut(pin, isLeap);
      this.#draw();
    }
    if (this.#isIdle && pin === undefined) this.#pool.sort();
    this.#isInFrame = false;
    this.#watchEdges(isLeap);
    this.#delegate.placed();
  }

  /** A list on a tab in the background is not drawn; when it comes back it is put where it was, browsers forget that. */
  #isHidden(): boolean {
    const isHidden = this.#scroller.clientHeight === 0;
    if (this.#wasHidden && !isHidden) {
      this.#scroller.scrollTop = this.#lastTop;
      this.#ownTop = this.#scroller.scrollTop;
      this.#isUserScroll = false;
    }
    this.#wasHidden = isHidden;
    return isHidden;
  }

  /** Places the window: at the pin, or so that what is visible stays where it is. */
  #layOut(pin: Pin | undefined, isLeap: boolean): void {
    const drawn = this.#pool.anchor(this.#content.rows, this.#scroller.scrollTop - this.#base);
    const anchorPx = this.#base + (drawn?.start ?? 0);
    this.#measureStarts();
    const view = { top: this.#scroller.scrollTop, height: this.#scroller.clientHeight };
    const stretch = this.#stretch();
    let top = view.top;
    if (pin?.to === "row" && pin.align === "here") {
      this.#base = view.top - this.#starts[pin.index]!;
    } else if (pin !== undefined) {
      this.#base = pin.to === "row" && drawn !== undefined ? anchorPx - this.#starts[drawn.index]! : idealBase(stretch);
      top = this.#topOf(pin, stretch, view);
    } else {
      this.#base = drawn === undefined ? idealBase(stretch) : anchorPx - this.#starts[drawn.index]!;
    }
    // A jump that is about to come needs the place that the reader pointed at.
    const isStill = isLeap || this.#jumpTimer !== 0;
    const shift = isStill ? 0 : rebaseBy(stretch, this.#base, { top, height: view.height }, this.#isIdle);
    this.#base += shift;
    this.#place(stretch, top + shift);
  }

  #place(stretch: Stretch, top: number): void {
    const size = spacerSize(stretch, this.#base);
    this.#spacer.style.height = `${size}px`;
    this.#stage.style.top = `${this.#base}px`;
    const topMax = Math.max(0, size - this.#scroller.clientHeight);
    const target = Math.max(0, Math.min(Math.round(top), topMax));
    if (target !== Math.round(this.#scroller.scrollTop)) {
      this.#scroller.scrollTop = target;
      this.#ownTop = this.#scroller.scrollTop;
    }
    this.#virtualizer.setOptions(this.#options());
    this.#virtualizer._willUpdate();
    this.#reportOffset(this.#scroller.scrollTop, !this.#isIdle);
  }

  #draw(): void {
    const indexes = this.#virtualizer.getVirtualItems().map((item) => item.index);
    this.#pool.draw(this.#content.rows, indexes, this.#starts);
  }

  /** Returns whether a drawn row has another height than was known. */
  #measure(): boolean {
    const changed = this.#pool.measure(this.#virtualizer.itemSizeCache, this.rowSizePx);
    for (const { index, size } of changed) this.#virtualizer.resizeItem(index, size);
    return changed.length > 0;
  }

  #measureStarts(): void {
    const { rows } = this.#content;
    const sizes = this.#virtualizer.itemSizeCache;
    if (sizes.size > sizeCountMax) sizes.clear();
    if (this.#starts.length < rows.length + 1) this.#starts = new Float64Array(rows.length * 2 + 1);
    let start = 0;
    for (let index = 0; index < rows.length; index++) {
      this.#starts[index] = start;
      start += (sizes.size === 0 ? undefined : sizes.get(rows[index]!.key)) ?? this.rowSizePx;
    }
    this.#starts[rows.length] = start;
  }

  #stretch(): Stretch {
    const { rows, before, after } = this.#content;
    const window = this.#starts[rows.length]!;
    const averagePx = rows.length === 0 ? this.rowSizePx : window / rows.length;
    return { before: Math.round(before * averagePx), window, after: Math.round(after * averagePx) };
  }

  #topOf(pin: Pin, stretch: Stretch, view: { top: number; height: number }): number {
    if (pin.to !== "row") return pin.to === "start" ? this.#base : this.#base + stretch.window - view.height;
    const start = this.#base + this.#starts[pin.index]!;
    const end = this.#base + this.#starts[pin.index + 1]!;
    if (pin.align === "center") return start - Math.max(0, view.height - (end - start)) / 2;
    // Of a row that does not fit its beginning is shown.
    if (start < view.top || end - start > view.height) return start;
    return end > view.top + view.height ? end - view.height : view.top;
  }

  #indexAt(offset: number): number {
    let low = 0;
    let high = this.#content.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Asks for rows at the edges of the window, or for a jump when the view has left it. */
  #watchEdges(isLeap: boolean): void {
    const stretch = this.#stretch();
    const view = { top: this.#scroller.scrollTop, height: this.#scroller.clientHeight };
    const isResting = this.#jumpTimer !== 0 && view.top === this.#lastTop;
    this.#lastTop = view.top;
    if (isResting) return;
    clearTimeout(this.#jumpTimer);
    this.#jumpTimer = 0;
    const place = placeOutside(stretch, this.#base, view, isLeap);
    if (place !== undefined) {
      this.#jumpTimer = window.setTimeout(() => {
        this.#jumpTimer = 0;
        this.#delegate.jump(place);
      }, jumpDelayMs);
      return;
    }
    const { before, after } = this.#content;
    if (before > 0 && view.top < this.#base + nearEdgePx) this.#delegate.needBefore();
    if (after > 0 && view.top + view.height > this.#base + stretch.window - nearEdgePx) this.#delegate.needAfter();
  }
}
