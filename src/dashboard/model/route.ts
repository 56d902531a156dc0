/** The address of what is shown, kept behind `#`: session, entry, tab and filter, so that a link opens the same view. */
import { type FieldFilter, type LogFilter, levelOrNone, noFilter } from "./filter.ts";

export type Tab = "log" | "overview" | "metadata";

export interface Route {
  /** Session id, "" for the server's own. */
  readonly session: string;
  /** Seq of the entry to show, 0 for the live end. */
  readonly seq: number;
  readonly tab: Tab;
  readonly filter: LogFilter;
}

const sessionPattern = /^[0-9a-f]{24}$/i;

/** Returns the route that `hash` spells; what it does not know is left out. */
export function parseRoute(hash: string): Route {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const text = (name: string) => parameters.get(name) ?? "";
  const session = text("s");
  const seq = Number(text("c"));
  return {
    session: sessionPattern.test(session) ? session.toLowerCase() : "",
    seq: Number.isSafeInteger(seq) && seq > 0 ? seq : 0,
    tab: tabOf(text("t")),
    filter: {
      ...noFilter,
      level: levelOrNone(text("level")),
      logger: text("logger"),
      text: text("q"),
      template: text("template"),
      since: timeOf(text("since")),
      until: timeOf(text("until")),
      fields: parameters.getAll("field").flatMap(fieldOf),
    },
  };
}

/** Returns the hash of `route`, with its `#`. */
export function hashOf(route: Route): string {
  const parameters = new URLSearchParams();
  const { level, logger, text, template, since, until, fields } = route.filter;
  const members = { s: route.session, c: route.seq, t: route.tab, level, logger, q: text, template, since, until };
  for (const [name, value] of Object.entries(members)) {
    if (value !== "" && value !== 0 && value !== "log") parameters.set(name, String(value));
  }
  for (const field of fields) parameters.append("field", `${field.path}=${field.value}`);
  return `#${parameters}`;
}

function tabOf(text: string): Tab {
  return text === "overview" || text === "metadata" ? text : "log";
}

function timeOf(text: string): string {
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? "" : new Date(timeMs).toISOString();
}

function fieldOf(text: string): FieldFilter[] {
  const end = text.indexOf("=");
  return end > 0 ? [{ path: text.slice(0, end), value: text.slice(end + 1) }] : [];
}
