/** What all components share: they draw into the page itself, and tell those above them what the reader wants. */
import { LitElement } from "lit";
import type { Preferences } from "../data/preferences.ts";
import type { LogFilter } from "../model/filter.ts";
import type { Route } from "../model/route.ts";

/** Events that travel up to the page. */
export interface ViewEvents {
  /** Show something else. */
  "tr-go": Partial<Route>;
  /** Narrow the log; the tab goes to it with `tr-go`. */
  "tr-filter": LogFilter;
  "tr-prefer": Partial<Preferences>;
  /** Draw a numeric field over time. */
  "tr-chart": { readonly template: string; readonly path: string };
  /** A word for the reader, shown for a moment. */
  "tr-say": string;
}

/** Sends `detail` up the tree. */
export function emit<N extends keyof ViewEvents>(target: EventTarget, name: N, detail: ViewEvents[N]): void {
  target.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}

/** Calls `action` for every event `name` that reaches `target`. */
export function listen<N extends keyof ViewEvents>(target: EventTarget, name: N, action: (detail: ViewEvents[N]) => void): void {
  target.addEventListener(name, (event) => action((event as CustomEvent<ViewEvents[N]>).detail));
}

/** A component without a shadow: one style sheet serves the page, and it needs no inline styles. */
export class View extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}
