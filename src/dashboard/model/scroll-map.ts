/**
 * Where the loaded window of rows stands in the scroll range.
 *
 * ```
 *   0        base            base + window              spacer
 *   ├────────┼────────────────────┼───────────────────────┤
 *     before   rows, as measured          after
 * ```
 * `before` and `after` are estimates; a long stream is squeezed there, never in the window, because browsers cap the
 * height of an element. Rows keep their place on the screen: what an estimate got wrong moves `base`, not the rows.
 */

/** All browsers take this height; Firefox gives up near 17.8 million, Chromium near 33 million. */
export const spacerSizePxMax = 8_000_000;

/** Distance outside the window from which a jump is cheaper than loading all between. */
const farOutsidePx = 3000;

/** Heights in pixels; those of `before` and `after` as they would be unsqueezed. */
export interface Stretch {
  readonly before: number;
  readonly window: number;
  readonly after: number;
}

/** Returns by how much the parts outside the window are squeezed: 1 not at all. */
export function scaleOf({ before, window, after }: Stretch): number {
  const outside = before + after;
  return outside === 0 ? 1 : Math.min(1, Math.max(0, spacerSizePxMax - window) / outside);
}

/** Returns where the window should begin. */
export function idealBase(stretch: Stretch): number {
  return Math.round(stretch.before * scaleOf(stretch));
}

/** Returns the height of the whole range when the window begins at `base`. */
export function spacerSize(stretch: Stretch, base: number): number {
  return base + stretch.window + Math.round(stretch.after * scaleOf(stretch));
}

/** A place outside the window: so many rows from the start, or from the end, of the stream. */
export interface Place {
  readonly side: "before" | "after";
  /** 0 at the end of the stream that lies on that side, 1 at the window. */
  readonly fraction: number;
}

/** What is visible of the scroll range. */
export interface Viewport {
  readonly top: number;
  readonly height: number;
}

/**
 * Returns where the view points when it has left the window by more than `slackPx`, else undefined. A view that was
 * dragged (`isLeap`) to an end of the range means that end of the stream.
 */
export function placeOutside(stretch: Stretch, base: number, view: Viewport, isLeap: boolean): Place | undefined {
  const { before, after } = stretch;
  const end = base + stretch.window;
  const topMax = spacerSize(stretch, base) - view.height;
  if (isLeap && view.top <= 0 && (before > 0 || base < 0)) return { side: "before", fraction: 0 };
  if (isLeap && view.top >= topMax && after > 0) return { side: "after", fraction: 0 };
  const slackPx = isLeap ? 0 : farOutsidePx;
  if (before > 0 && view.top + view.height < base - slackPx) return { side: "before", fraction: Math.max(0, view.top) / base };
  if (after === 0 || view.top <= end + slackPx) return undefined;
  return { side: "after", fraction: topMax <= end ? 0 : Math.max(0, 1 - (view.top - end) / (topMax - end)) };
}

/**
 * Returns by how much to move rows and scroll position together, 0 for not at all.
 * @param isIdle nobody is scrolling, so that a larger correction disturbs nothing.
 */
export function rebaseBy(stretch: Stretch, base: number, view: Viewport, isIdle: boolean): number {
  const ideal = idealBase(stretch);
  if (ideal === base) return 0;
  if (stretch.before === 0) return isIdle || base < 0 || view.top < base ? -base : 0;
  // Rows above the range cannot be reached; rows right below its start leave no room for those that are loaded.
  const isBeyond = base < 0 && (isIdle || view.top < 2 * view.height);
  const isCramped = base < 2 * view.height && view.top < base + view.height;
  const isFarOff = Math.abs(ideal - base) > Math.max(4 * view.height, spacerSize(stretch, base) / 20);
  return isBeyond || isCramped || (isIdle && isFarOff) ? ideal - base : 0;
}
