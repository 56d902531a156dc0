/**
 * What the appends of a client have in common: all that stands in front of the entries, but the digits of `ref`. A message of
 * the pattern of the one before is taken apart by comparing words, several times faster than by reading it.
 */
import * as words from "../base/words.hot.ts";
import { type AppendMessage, appendMember, memberCount, plainNumber } from "./append-message.hot.ts";

const openBracket = 0x5b;
const closeBracket = 0x5d;
const closeBrace = 0x7d;
const comma = 0x2c;
const quote = 0x22;
// Constants of this module: imported functions are looked up at every call.
const { bytesLike, sameWords } = words;
const closeBrackets = 0x5d5d5d5d;
/** `,"key":"` as little-endian words. */
const commaKey = words.wordOf(',"ke');
const yQuoteColonQuote = words.wordOf('y":"');
const keyOpenSizeBytes = 8;
/** Longer heads are not learned: with a session, `ref` and `ack` they have about a hundred bytes. */
const headSizeBytesMax = 128;
/** What comparing whole words may read behind what is compared. */
const slackSizeBytes = 3;
const { ref, session, key, ack, entries, type } = appendMember;

export class AppendPattern {
  readonly #head = new Uint8Array(headSizeBytesMax + slackSizeBytes);
  readonly #headView = new DataView(this.#head.buffer);
  readonly #starts = new Int32Array(memberCount);
  readonly #ends = new Int32Array(memberCount);
  /** 0: nothing was learned. */
  #headSize = 0;

  /** Learns from an append that was read. */
  learn(view: DataView, { starts, ends, isRepeating }: AppendMessage): void {
    this.#headSize = 0;
    // Of two the head may have one, which counts again when the message has no other.
    if (isRepeating) return;
    const entriesAt = starts[entries]!;
    if (entriesAt < 0 || entriesAt >= headSizeBytesMax || view.getUint8(entriesAt) !== openBracket) return;
    if (starts[type]! < 0 || starts[ref]! < 0 || starts[session]! < 0) return;
    if (starts[type]! > entriesAt || starts[ref]! > entriesAt || starts[session]! > entriesAt || starts[ack]! > entriesAt) return;
    // A key is another one each time, so a head that has one is not met again.
    if (starts[key]! >= 0 && starts[key]! < entriesAt) return;
    const headSize = entriesAt + 1;
    for (let at = 0; at < headSize; at++) {
      this.#head[at] = view.getUint8(at);
      // With one, words could be taken as equal that are not.
      if (this.#head[at] === 0) return;
    }
    this.#starts.set(starts);
    this.#ends.set(ends);
    this.#starts[key] = -1;
    this.#headSize = headSize;
  }

  /**
   * Finds the members in the first `size` bytes of `view` if these are of the pattern: in JSON, what `message.read` finds. Of what
   * is no JSON it may find entries, which are none either: decode refuses them.
   */
  find(view: DataView, size: number, message: AppendMessage): boolean {
    if (!this.#isHead(view, size)) return false;
    if (plainNumber(view, this.#starts[ref]!, this.#ends[ref]!) < 0) return false;
    const end = endOfEntries(view, this.#starts[entries]! + 1, size);
    if (end < 0) return false;
    const { starts, ends } = message;
    for (let member = 0; member < memberCount; member++) {
      starts[member] = this.#starts[member]!;
      ends[member] = this.#ends[member]!;
    }
    ends[entries] = end;
    if (end + 1 === size) return view.getUint8(end) === closeBrace;
    starts[key] = end + keyOpenSizeBytes - 1;
    ends[key] = size - 1;
    return isKey(view, end, size);
  }

  #isHead(view: DataView, size: number): boolean {
    const headSize = this.#headSize;
    if (headSize === 0 || size < headSize + slackSizeBytes) return false;
    const refStart = this.#starts[ref]!;
    const refEnd = this.#ends[ref]!;
    return sameWords(view, 0, this.#headView, 0, refStart) && sameWords(view, refEnd, this.#headView, refEnd, headSize - refEnd);
  }
}

/**
 * Returns where the entries end: behind the first bracket with a comma behind it, or with the brace that ends the message; -1
 * when there is none, or white space in between. An array in the entries may have a comma behind it too: what follows must be
 * looked at.
 */
function endOfEntries(view: DataView, from: number, size: number): number {
  for (let at = nextBracket(view, from, size - 1); at >= 0; at = nextBracket(view, at, size - 1)) {
    at++;
    let next = view.getUint8(at);
    if (next === comma || (next === closeBrace && at + 1 === size)) return at;
    if (next > 0x20) continue;
    while (next <= 0x20 && at + 1 < size) next = view.getUint8(++at);
    if (next === comma || next === closeBrace) return -1;
  }
  return -1;
}

/** Returns the offset of the first closing bracket in [from, size), or -1. */
function nextBracket(view: DataView, from: number, size: number): number {
  let at = from;
  for (; at + 16 <= size; at += 16) {
    const found =
      bytesLike(view.getInt32(at, true), closeBrackets) |
      bytesLike(view.getInt32(at + 4, true), closeBrackets) |
      bytesLike(view.getInt32(at + 8, true), closeBrackets) |
      bytesLike(view.getInt32(at + 12, true), closeBrackets);
    if (found !== 0) break;
  }
  for (; at < size; at++) if (view.getUint8(at) === closeBracket) return at;
  return -1;
}

/**
 * Returns whether all of `view` behind `from` is `,"key":"…"}` with a key of letters, digits and `.:_-`. Then the bracket before
 * it does end the entries: of those after it none is left that could.
 */
function isKey(view: DataView, from: number, size: number): boolean {
  const start = from + keyOpenSizeBytes;
  const end = size - 2;
  if (end < start || view.getInt32(from, true) !== commaKey || view.getInt32(from + 4, true) !== yQuoteColonQuote) return false;
  if (view.getUint8(end) !== quote || view.getUint8(end + 1) !== closeBrace) return false;
  for (let at = start; at < end; at++) {
    const byte = view.getUint8(at);
    const letter = byte | 0x20;
    const isGood = (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x2d && byte <= 0x3a && byte !== 0x2f) || byte === 0x5f;
    if (!isGood) return false;
  }
  return true;
}
