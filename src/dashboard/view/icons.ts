/** The icons of the page, as strokes on a 16 × 16 grid, and those of platforms, filled on 24 × 24. */
import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import type { PlatformIcon } from "../model/platform.ts";

const strokes = {
  search: svg`<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>`,
  up: svg`<path d="m4 10 4-4 4 4"/>`,
  down: svg`<path d="m4 6 4 4 4-4"/>`,
  right: svg`<path d="m6 4 4 4-4 4"/>`,
  left: svg`<path d="m10 4-4 4 4 4"/>`,
  close: svg`<path d="m4 4 8 8m0-8-8 8"/>`,
  wrap: svg`<path d="M2 4h12M2 8h9.5a2.5 2.5 0 0 1 0 5H9m0 0 2-2m-2 2 2 2M2 12h3"/>`,
  oldest: svg`<path d="M2.5 4h5M2.5 8h3.5M2.5 12h2M11.5 3v10m0 0L9 10.5m2.5 2.5 2.5-2.5"/>`,
  newest: svg`<path d="M2.5 12h5M2.5 8h3.5M2.5 4h2M11.5 13V3m0 0L9 5.5M11.5 3 14 5.5"/>`,
  clock: svg`<circle cx="8" cy="8" r="6"/><path d="M8 4.5V8l2.5 1.5"/>`,
  download: svg`<path d="M8 2v8m0 0L5 7m3 3 3-3M3 13.5h10"/>`,
  copy: svg`<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2"/>`,
  link: svg`<path d="M6.5 9.5a3 3 0 0 0 4.2 0l2-2a3 3 0 0 0-4.2-4.2l-.8.8m1.8 2.4a3 3 0 0 0-4.2 0l-2 2a3 3 0 0 0 4.2 4.2l.8-.8"/>`,
  context: svg`<path d="M2 3h12M2 13h12M4 6.5h8v3H4z"/>`,
  chart: svg`<path d="M2 13.5h12M3 10l3-3.5 3 2 4-5"/>`,
  filter: svg`<path d="M2 3h12L9.5 8.5V13l-3-1.5v-3z"/>`,
  sun: svg`<circle cx="8" cy="8" r="3"/><path d="M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7"/>`,
  moon: svg`<path d="M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z"/>`,
  auto: svg`<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5v11a5.5 5.5 0 0 0 0-11z" fill="currentColor"/>`,
  wide: svg`<path d="M2 2.5v11m12-11v11M4.5 8h7m-7 0 2-2m-2 2 2 2m5-2-2-2m2 2-2 2"/>`,
  help: svg`<circle cx="8" cy="8" r="6"/><path d="M6.3 6.2a1.8 1.8 0 1 1 2.5 1.7c-.5.2-.8.6-.8 1.1M8 11.5v.1"/>`,
  live: svg`<circle cx="8" cy="8" r="2.2" fill="currentColor"/><path d="M4.2 11.8a5.4 5.4 0 0 1 0-7.6m7.6 0a5.4 5.4 0 0 1 0 7.6"/>`,
  pause: svg`<path d="M5.5 3.5v9m5-9v9"/>`,
  bars: svg`<path d="M3 13V9m3.3 4V4m3.4 9V7m3.3 6V3"/>`,
} as const;

export type IconName = keyof typeof strokes;

/** Returns an icon that says nothing to screen readers: what it stands beside or in has the words. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round">${strokes[name]}</svg>`;
}

const platforms: Readonly<Record<PlatformIcon, SVGTemplateResult>> = {
  windows: svg`<path d="M3 5.5 10.5 4.4v7H3zM11.5 4.3 21 3v8.4h-9.5zM3 12.5h7.5v7.1L3 18.5zM11.5 12.5H21V21l-9.5-1.3z"/>`,
  apple: svg`<path d="M16.6 12.7c0-2.3 1.9-3.4 2-3.5-1.1-1.6-2.8-1.8-3.4-1.8-1.4-.2-2.8.8-3.5.8s-1.9-.8-3.1-.8c-1.6 0-3 .9-3.9 2.3-1.6 2.9-.4 7.1 1.2 9.4.8 1.1 1.7 2.4 3 2.3 1.2 0 1.7-.7 3.1-.7 1.5 0 1.9.7 3.1.7s2.1-1.1 2.9-2.3c.9-1.3 1.3-2.6 1.3-2.6s-2.6-1-2.7-3.8zM14.3 5.9c.6-.8 1.1-1.9 1-3-.9 0-2.1.6-2.7 1.4-.6.7-1.2 1.8-1 2.9 1 .1 2.1-.5 2.7-1.3z"/>`,
  linux: svg`<path d="M12 2.5c-2.3 0-3.3 1.7-3.3 3.9 0 2 .3 2.6-.9 4.4-1.1 1.7-2.3 3.2-2.3 5.2 0 .5.1.9.2 1.3-.5.5-1.2 1-1.2 1.7 0 1 1.6 1 3 1.6 1.1.5 1.8.9 2.5.3.6.2 1.3.3 2 .3s1.4-.1 2-.3c.7.6 1.4.2 2.5-.3 1.4-.6 3-.6 3-1.6 0-.7-.7-1.2-1.2-1.7.1-.4.2-.8.2-1.3 0-2-1.2-3.5-2.3-5.2-1.2-1.8-.9-2.4-.9-4.4 0-2.2-1-3.9-3.3-3.9zm-1.3 3.8c.4 0 .7.4.7.9s-.3.9-.7.9-.7-.4-.7-.9.3-.9.7-.9zm2.6 0c.4 0 .7.4.7.9s-.3.9-.7.9-.7-.4-.7-.9.3-.9.7-.9zM12 8.4l1.8.9L12 10.5l-1.8-1.2z"/>`,
  android: svg`<path d="M7.2 3.6 8.5 6A8 8 0 0 0 4 13h16a8 8 0 0 0-4.5-7l1.3-2.4-.8-.4-1.4 2.5a8 8 0 0 0-5.2 0L8 3.2zM8.5 9.2a1 1 0 1 1 0 2 1 1 0 0 1 0-2zm7 0a1 1 0 1 1 0 2 1 1 0 0 1 0-2zM4 14.2h16V19a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 19z"/>`,
  playstation: svg`<path d="M9.3 3.5v15.7l3.3 1.1V7.2c0-.6.3-1 .7-.9.6.2.7.7.7 1.3v5.2c2 1 3.6 0 3.6-2.5 0-2.6-.9-3.8-3.7-4.7-1.1-.4-3.1-1-4.6-1.3zM13.4 17.5l5.2-1.9c.6-.2.7-.5.2-.7-.5-.1-1.3-.1-1.9.1l-3.5 1.2v-1.9c1.8-.6 3.7-.7 5.5-.2 1.9.5 2.3 1.4 1.6 2-.5.5-1.7.9-1.7.9l-5.4 2zM8.2 17.7c-1.7.5-3.6.4-4.7-.1-1.1-.5-1-1.4.5-2 1-.4 3.9-1.4 4.2-1.5v1.8l-2.8 1c-.6.2-.7.5-.2.7.5.1 1.3.1 1.9-.1l1.1-.4z"/>`,
  xbox: svg`<path d="M12 3c1.7 0 3.3.5 4.6 1.3-1.5-.3-3.5.9-4.6 1.8-1.1-.9-3.1-2.1-4.6-1.8A9 9 0 0 1 12 3zM5.7 5.6c1.5 0 3.4 1.5 4.6 2.7-2.4 2.5-4.8 6.1-4.7 8.9A9 9 0 0 1 5.7 5.6zm12.6 0a9 9 0 0 1 .1 11.6c.1-2.8-2.3-6.4-4.7-8.9 1.2-1.2 3.1-2.7 4.6-2.7zM12 9.9c2.5 2.1 5 5.4 5 8.5A9 9 0 0 1 12 21a9 9 0 0 1-5-2.6c0-3.1 2.5-6.4 5-8.5z"/>`,
  switch: svg`<path d="M10.9 3H8a5 5 0 0 0-5 5v8a5 5 0 0 0 5 5h2.9zM7 6.5A1.9 1.9 0 1 1 7 10.3 1.9 1.9 0 0 1 7 6.5zM13.1 3H16a5 5 0 0 1 5 5v8a5 5 0 0 1-5 5h-2.9zM17 11.2a1.9 1.9 0 1 0 0 3.8 1.9 1.9 0 0 0 0-3.8z"/>`,
};

/** Returns the icon of a platform; its name stands beside it. */
export function platformIcon(name: PlatformIcon): TemplateResult {
  return html`<svg class="icon platform" viewBox="0 0 24 24" aria-hidden="true" fill="currentColor">${platforms[name]}</svg>`;
}

/** Returns the mark of the project. */
export function mark(): TemplateResult {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7"/><g fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"><path d="M6 10h20"/><path d="M6 16c4-3 6 3 10 0s6 3 10 0" opacity=".85"/><path d="M6 22c4-3 6 3 10 0s6 3 10 0" opacity=".6"/></g></svg>`;
}
