/** How the reader likes the page; kept in the browser. */
import type { TimeMode } from "../model/format.ts";
import type { Order } from "../model/rows.ts";

export interface Preferences {
  readonly theme: "auto" | "light" | "dark";
  readonly time: TimeMode;
  readonly order: Order;
  /** The search text leaves only matches, or marks them. */
  readonly search: "filter" | "highlight";
  readonly isWrapped: boolean;
  readonly isWide: boolean;
  readonly isTimelineShown: boolean;
  /** Height of the sessions table. */
  readonly sessionsSizePx: number;
}

export const preferencesDefault: Preferences = {
  theme: "auto",
  time: "local",
  order: "oldest",
  search: "filter",
  isWrapped: false,
  isWide: false,
  isTimelineShown: true,
  sessionsSizePx: 264,
};

const storageKey = "tailrace.preferences";

/** Returns what was kept; members of another type than the defaults are left out. */
export function loadPreferences(): Preferences {
  let kept: unknown;
  try {
    kept = JSON.parse(localStorage.getItem(storageKey) ?? "{}");
  } catch {
    return preferencesDefault;
  }
  const known = Object.entries(kept ?? {}).filter(
    ([name, value]) => typeof value === typeof (preferencesDefault as unknown as Record<string, unknown>)[name],
  );
  return { ...preferencesDefault, ...Object.fromEntries(known) };
}

/** Keeps `preferences`; a browser that forbids it only forgets them. */
export function savePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(storageKey, JSON.stringify(preferences));
  } catch {
    return;
  }
}
