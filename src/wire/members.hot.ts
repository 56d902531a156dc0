/** The members of an entry that intake knows, found by the words their names are made of. */
import { type AnyBytes, type OwnedBytes, utf8 } from "../base/bytes.ts";
import { wordOf } from "../base/words.hot.ts";

/** Numbers of the known members; where several names mean one thing, the lowest number wins. */
export const member = {
  other: 0,
  timestamp: 1,
  atTimestamp: 2,
  time: 3,
  ts: 4,
  level: 5,
  logger: 6,
  name: 7,
  message: 8,
  msg: 9,
  format: 10,
  fields: 11,
  data: 12,
  entries: 13,
} as const;

/** Names by number; `other` has none. */
export const memberNames = [
  "",
  "timestamp",
  "@timestamp",
  "time",
  "ts",
  "level",
  "logger",
  "name",
  "message",
  "msg",
  "format",
  "fields",
  "data",
  "entries",
] as const;

/** Bit sets of the names that mean one thing. */
export const timeNames = (1 << member.timestamp) | (1 << member.atTimestamp) | (1 << member.time) | (1 << member.ts);
export const loggerNames = (1 << member.logger) | (1 << member.name);
export const messageNames = (1 << member.message) | (1 << member.msg);
export const fieldsNames = (1 << member.fields) | (1 << member.data);

/** Size of each name. */
export const memberSizeBytes = Uint8Array.from(memberNames, (name) => name.length);

/** Bytes of each name. */
export const memberBytes: readonly OwnedBytes[] = memberNames.map((name) => utf8(name));

// Constants of this module that are not exported: the compiler knows their values.
const { other, timestamp, atTimestamp, ts, level, logger, message, msg, format, fields, entries } = member;
const timeMember = member.time;
const nameMember = member.name;
const dataMember = member.data;
// Four bytes from four on; a quote ends the name, and where it ends within a word the mask takes the rest away.
const threeBytes = 0xffffff;
const twoBytes = 0xffff;
const time = wordOf("time");
const stam = wordOf("stam");
const atTi = wordOf("@tim");
const esta = wordOf("esta");
const leve = wordOf("leve");
const logg = wordOf("logg");
const name = wordOf("name");
const mess = wordOf("mess");
const ageQuote = wordOf('age"');
const msgQuote = wordOf('msg"');
const form = wordOf("form");
const fiel = wordOf("fiel");
const data = wordOf("data");
const entr = wordOf("entr");
const iesQuote = wordOf('ies"');
const tsQuote = wordOf('ts"\0');
const lQuote = wordOf('l"\0\0');
const erQuote = wordOf('er"\0');
const atQuote = wordOf('at"\0');
const dsQuote = wordOf('ds"\0');
const pQuote = wordOf('p"\0\0');
const mpQuote = wordOf('mp"\0');
const quote = 0x22;

/**
 * Returns the number of the member whose name, with its closing quote, stands at `at`; `other` for a name that is not known
 * or is written with escapes.
 * @param view can be read eleven bytes past `at`.
 */
export function memberAt(view: DataView, at: number): number {
  const first = view.getInt32(at, true);
  const second = view.getInt32(at + 4, true);
  if (first === mess) return second === ageQuote ? message : other;
  if (first === leve) return (second & twoBytes) === lQuote ? level : other;
  if (first === time) {
    if ((second & 0xff) === quote) return timeMember;
    return second === stam && (view.getInt32(at + 8, true) & twoBytes) === pQuote ? timestamp : other;
  }
  if (first === logg) return (second & threeBytes) === erQuote ? logger : other;
  if (first === form) return (second & threeBytes) === atQuote ? format : other;
  if (first === fiel) return (second & threeBytes) === dsQuote ? fields : other;
  if (first === msgQuote) return msg;
  if (first === name) return (second & 0xff) === quote ? nameMember : other;
  if (first === data) return (second & 0xff) === quote ? dataMember : other;
  if ((first & threeBytes) === tsQuote) return ts;
  if (first === entr) return second === iesQuote ? entries : other;
  if (first !== atTi || second !== esta) return other;
  return (view.getInt32(at + 8, true) & threeBytes) === mpQuote ? atTimestamp : other;
}

/** Returns the number of the member that `bytes[start, end)` name, or `other`: for names that were written with escapes. */
export function memberOf(bytes: AnyBytes, start: number, end: number): number {
  for (let number = 1; number < memberBytes.length; number++) {
    const wanted = memberBytes[number]!;
    if (wanted.length !== end - start) continue;
    let index = 0;
    while (index < wanted.length && wanted[index] === bytes[start + index]) index++;
    if (index === wanted.length) return number;
  }
  return member.other;
}
