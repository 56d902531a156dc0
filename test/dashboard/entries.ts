/** Entries that the tests of the page send. */

/** Time of the first entry of every made-up log. */
export const startMs = Date.UTC(2026, 10, 20, 10);

const levels = ["debug", "info", "info", "info", "warn", "info", "error", "info"] as const;

/** An entry as it is sent. */
export interface SentEntry {
  readonly timestamp: number;
  readonly level: string;
  readonly logger: string;
  readonly message?: string;
  readonly format?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Returns `count` plain entries, ten a second, each with its number in the text: the first is `from`. */
export function plainEntries(count: number, from = 1): SentEntry[] {
  return Array.from({ length: count }, (_, index) => {
    const number = from + index;
    const logger = number % 3 === 0 ? "LogNet" : "LogCore";
    return { timestamp: startMs + number * 100, level: levels[number % levels.length]!, logger, message: `entry ${number}` };
  });
}

/** Returns `count` structured entries of one template. */
export function requestEntries(count: number): SentEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    timestamp: startMs + index * 100,
    level: index % 10 === 9 ? "error" : "info",
    logger: "LogHttp",
    format: "{method} {path} answered {status} after {ms} ms",
    fields: { method: "GET", path: `/items/${index % 4}`, status: index % 10 === 9 ? 500 : 200, ms: 20 + (index % 7) },
  }));
}

/** Returns the entries as NDJSON. */
export function ndjson(entries: readonly object[]): string {
  return entries.map((entry) => JSON.stringify(entry)).join("\n");
}
