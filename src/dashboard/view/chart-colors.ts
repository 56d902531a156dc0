/** Colours for canvases, taken from the style sheet so that both themes have one home. */
import type { LevelName } from "../../record/levels.ts";

export interface ChartColors {
  readonly text: string;
  readonly grid: string;
  readonly accent: string;
  readonly accentSoft: string;
  readonly font: string;
  readonly levels: Readonly<Record<LevelName | "none", string>>;
}

/** Returns the colours that apply to `element`. */
export function chartColors(element: HTMLElement): ChartColors {
  const probe = document.createElement("span");
  element.append(probe);
  const colorOf = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const level = (name: string) => colorOf(`--bar-${name}`);
  const colors = {
    text: colorOf("--text-muted"),
    grid: colorOf("--line"),
    accent: colorOf("--accent"),
    accentSoft: colorOf("--accent-soft"),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    levels: {
      none: level("none"),
      trace: level("trace"),
      debug: level("debug"),
      info: level("info"),
      warn: level("warn"),
      error: level("error"),
      critical: level("critical"),
    },
  };
  probe.remove();
  return colors;
}
