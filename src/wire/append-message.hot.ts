/**
 * Finds the parts of a WebSocket append without parsing its entries: these go to the worker as the bytes they are, so that
 * digits and member order stay as sent and the main thread makes no objects per entry. Checking them is decode's work.
 */
import type { AnyBytes } from "../base/bytes.ts";

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;
const openBracket = 0x5b;
const openBrace = 0x7b;
const closeBracket = 0x5d;
const closeBrace = 0x7d;

/** Members of an append, by the length and the first character of their names. */
export const appendMember = { type: 0, ref: 1, session: 2, key: 3, ack: 4, entries: 5 } as const;
const memberCount = 6;

/** Where the values of an append's members lie: [start, end) each; start -1: absent. Reused by the next call. */
export class AppendMessage {
  readonly starts = new Int32Array(memberCount);
  readonly ends = new Int32Array(memberCount);

  /** Looks at `bytes`; false: it is no flat JSON object whose brackets match, leave it to a JSON parser. */
  read(bytes: AnyBytes): boolean {
    this.starts.fill(-1);
    let at = white(bytes, 0);
    if (bytes[at] !== openBrace) return false;
    at = white(bytes, at + 1);
    if (bytes[at] === closeBrace) return white(bytes, at + 1) === bytes.length;
    for (;;) {
      if (bytes[at] !== quote) return false;
      const nameStart = at + 1;
      const nameEnd = skipString(bytes, nameStart);
      if (nameEnd < 0) return false;
      at = white(bytes, nameEnd + 1);
      if (bytes[at] !== colon) return false;
      at = white(bytes, at + 1);
      const valueEnd = skipValue(bytes, at);
      if (valueEnd <= at) return false;
      const member = memberOf(bytes, nameStart, nameEnd);
      if (member >= 0) {
        this.starts[member] = at;
        this.ends[member] = valueEnd;
      }
      at = white(bytes, valueEnd);
      if (bytes[at] === closeBrace) return white(bytes, at + 1) === bytes.length;
      if (bytes[at] !== comma) return false;
      at = white(bytes, at + 1);
    }
  }
}

/** Returns the number of the member whose name is [start, end), or -1. An escaped spelling is none. */
function memberOf(bytes: AnyBytes, start: number, end: number): number {
  switch (end - start) {
    case 3:
      return isName(bytes, start, "ref") ? 1 : isName(bytes, start, "key") ? 3 : isName(bytes, start, "ack") ? 4 : -1;
    case 4:
      return isName(bytes, start, "type") ? 0 : -1;
    case 7:
      return isName(bytes, start, "session") ? 2 : isName(bytes, start, "entries") ? 5 : -1;
    default:
      return -1;
  }
}

function isName(bytes: AnyBytes, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) if (bytes[start + index] !== name.charCodeAt(index)) return false;
  return true;
}

function white(bytes: AnyBytes, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++;
  return at;
}

/** Returns the offset of the quote that ends the string which begins at `from`, or -1. */
function skipString(bytes: AnyBytes, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === quote) return at;
    if (byte === backslash) at++;
  }
  return -1;
}

/** Returns where the value at `from` ends, or -1. Containers are skipped by their brackets, which decode looks at again. */
function skipValue(bytes: AnyBytes, from: number): number {
  const first = bytes[from];
  if (first === quote) {
    const end = skipString(bytes, from + 1);
    return end < 0 ? -1 : end + 1;
  }
  if (first === openBracket || first === openBrace) return skipContainer(bytes, from);
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at]!;
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20) break;
    at++;
  }
  return at;
}

function skipContainer(bytes: AnyBytes, from: number): number {
  let depth = 0;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === quote) {
      at = skipString(bytes, at + 1);
      if (at < 0) return -1;
    } else if (byte === openBracket || byte === openBrace) depth++;
    else if (byte === closeBracket || byte === closeBrace) {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}
