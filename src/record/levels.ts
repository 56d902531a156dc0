/** Levels of an entry: 0 is "no level", then trace … critical; and every spelling that intake takes for them. */

export const levelNames = ["", "trace", "debug", "info", "warn", "error", "critical"] as const;
export const levelCount = levelNames.length;
export type LevelName = Exclude<(typeof levelNames)[number], "">;

/** No level was sent. */
export const levelNone = 0;
export const levelInfo = 3;
export const levelCritical = 6;

/** Every spelling that intake takes, in lower case, with its level. */
export const levelSpellings: ReadonlyMap<string, number> = new Map([
  ["trace", 1],
  ["veryverbose", 1],
  ["debug", 2],
  ["verbose", 2],
  ["info", 3],
  ["display", 3],
  ["log", 3],
  ["warn", 4],
  ["warning", 4],
  ["error", 5],
  ["err", 5],
  ["critical", 6],
  ["fatal", 6],
]);

/** Returns the level that `name` spells in any case, or -1. */
export function levelOfName(name: string): number {
  return levelSpellings.get(name.toLowerCase()) ?? -1;
}

/** Returns the level of a pino number (10, 20 … 60; numbers between belong to the one below), or -1 outside 10…60. */
export function levelOfPino(number: number): number {
  if (!(number >= 10 && number <= 60)) return -1;
  return Math.floor(number / 10);
}
