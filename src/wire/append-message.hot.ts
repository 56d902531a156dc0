/**
 * Finds the parts of a WebSocket append without parsing its entries: these go to the worker as the bytes they are, so that
 * digits and member order stay as sent and the main thread makes no objects per entry. Checking them is decode's work.
 */
import * as words from "../base/words.hot.ts";

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;
const openBracket = 0x5b;
const openBrace = 0x7b;
const closeBracket = 0x5d;
const closeBrace = 0x7d;
const zero = 0x30;

// Constants of this module: imported functions are looked up at every call.
const { specialsOf, whichByte } = words;
// Names with the quote that ends them, as little-endian words.
const refQuote = words.wordOf('ref"');
const keyQuote = words.wordOf('key"');
const ackQuote = words.wordOf('ack"');
const typeWord = words.wordOf("type");
const sess = words.wordOf("sess");
const ionQuote = words.wordOf('ion"');
const entr = words.wordOf("entr");
const iesQuote = words.wordOf('ies"');
const appe = words.wordOf("appe");
const ndQuote = words.wordOf('nd"\0') & 0xffffff;

/** Members of an append. */
export const appendMember = { type: 0, ref: 1, session: 2, key: 3, ack: 4, entries: 5 } as const;
export const memberCount = 6;
const { type, ref, session, key, ack, entries } = appendMember;

/** Where the values of an append's members lie: [start, end) each; start -1: absent. Reused by the next call. */
export class AppendMessage {
  readonly starts = new Int32Array(memberCount);
  readonly ends = new Int32Array(memberCount);
  /** A member came more than once in what was read; the last one counts. */
  isRepeating = false;

  /** Looks at the first `size` bytes of `view`; false: they are no flat JSON object whose brackets match, leave it to a JSON parser. */
  read(view: DataView, size: number): boolean {
    for (let member = 0; member < memberCount; member++) this.starts[member] = -1;
    this.isRepeating = false;
    let at = white(view, size, 0);
    if (byteAt(view, size, at) !== openBrace) return false;
    at = white(view, size, at + 1);
    if (byteAt(view, size, at) === closeBrace) return white(view, size, at + 1) === size;
    for (;;) {
      if (byteAt(view, size, at) !== quote) return false;
      const nameStart = at + 1;
      const nameEnd = skipString(view, size, nameStart);
      if (nameEnd < 0) return false;
      at = white(view, size, nameEnd + 1);
      if (byteAt(view, size, at) !== colon) return false;
      at = white(view, size, at + 1);
      const valueEnd = skipValue(view, size, at);
      if (valueEnd <= at) return false;
      const member = memberOf(view, nameStart, nameEnd);
      if (member >= 0) {
        if (this.starts[member]! >= 0) this.isRepeating = true;
        this.starts[member] = at;
        this.ends[member] = valueEnd;
      }
      at = white(view, size, valueEnd);
      const after = byteAt(view, size, at);
      if (after === closeBrace) return white(view, size, at + 1) === size;
      if (after !== comma) return false;
      at = white(view, size, at + 1);
    }
  }

  /** Whether the message that was read says `"append"`, in plain letters. */
  isAppend(view: DataView): boolean {
    const start = this.starts[type]!;
    if (start < 0 || this.ends[type]! - start !== 8) return false;
    return view.getInt32(start + 1, true) === appe && view.getInt32(start + 4, true) >>> 8 === ndQuote;
  }
}

/** Returns the value of the digits at [start, end), or -1 when these are not a plain whole number of at most 15 digits. */
export function plainNumber(view: DataView, start: number, end: number): number {
  if (end - start > 15 || (end - start > 1 && view.getUint8(start) === zero)) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = view.getUint8(at) - zero;
    if (digit >>> 0 > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** Returns the number of the member whose name is [start, end), or -1. An escaped spelling is none. */
function memberOf(view: DataView, start: number, end: number): number {
  const size = end - start;
  if (size === 3) {
    const word = view.getInt32(start, true);
    return word === refQuote ? ref : word === keyQuote ? key : word === ackQuote ? ack : -1;
  }
  if (size === 4) return view.getInt32(start, true) === typeWord ? type : -1;
  if (size !== 7) return -1;
  const first = view.getInt32(start, true);
  const second = view.getInt32(start + 4, true);
  if (first === sess) return second === ionQuote ? session : -1;
  return first === entr && second === iesQuote ? entries : -1;
}

/** Returns the byte at `at`, 0 behind the end: no rule of JSON takes one. Asking `view` for its size would be a call. */
function byteAt(view: DataView, size: number, at: number): number {
  return at < size ? view.getUint8(at) : 0;
}

function white(view: DataView, size: number, from: number): number {
  for (let at = from; at < size; at++) {
    const byte = view.getUint8(at);
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return at;
  }
  return size;
}

/** Returns the offset of the quote that ends the string which begins at `from`, or -1. */
function skipString(view: DataView, size: number, from: number): number {
  let at = from;
  while (at + 4 <= size) {
    const special = specialsOf(view.getInt32(at, true));
    if (special === 0) {
      at += 4;
      continue;
    }
    at += whichByte(special);
    const byte = view.getUint8(at);
    if (byte === quote) return at;
    at += byte === backslash ? 2 : 1;
  }
  for (; at < size; at++) {
    const byte = view.getUint8(at);
    if (byte === quote) return at;
    if (byte === backslash) at++;
  }
  return -1;
}

/** Returns where the value at `from` ends, or -1. Containers are skipped by their brackets, which decode looks at again. */
function skipValue(view: DataView, size: number, from: number): number {
  const first = byteAt(view, size, from);
  if (first === quote) {
    const end = skipString(view, size, from + 1);
    return end < 0 ? -1 : end + 1;
  }
  if (first === openBracket || first === openBrace) return skipContainer(view, size, from);
  let at = from;
  while (at < size) {
    const byte = view.getUint8(at);
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20) break;
    at++;
  }
  return at;
}

function skipContainer(view: DataView, size: number, from: number): number {
  let depth = 0;
  for (let at = from; at < size; at++) {
    const byte = view.getUint8(at);
    if (byte === quote) {
      at = skipString(view, size, at + 1);
      if (at < 0) return -1;
    } else if (byte === openBracket || byte === openBrace) depth++;
    else if (byte === closeBracket || byte === closeBrace) {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}
