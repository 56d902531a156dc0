/** What a stored batch is answered, as bytes: the JSON body of HTTP and the `ack` message of a WebSocket (contract 4 and 6). */
import { assert } from "../base/assert.ts";
import { type OwnedBytes, utf8 } from "../base/bytes.ts";
import { digitCountOf, writeDigits } from "./text-copy.hot.ts";

const openPiece = utf8("{");
const ackPiece = utf8('{"type":"ack","ref":');
const commaPiece = utf8(",");
const firstPiece = utf8('"first":');
const cursorPiece = utf8('"cursor":');
const countPiece = utf8(',"count":');
/** What comes last: `synced` adds 1, `duplicate` 2. */
const endPieces = [
  utf8(',"ack":"written"}'),
  utf8(',"ack":"synced"}'),
  utf8(',"ack":"written","duplicate":true}'),
  utf8(',"ack":"synced","duplicate":true}'),
];
/** All pieces and four numbers of 16 digits. */
const answerSizeBytesMax = 192;

/** The one answer there is at a time; views of it by length, so that none is made for each. */
const answer = new Uint8Array(answerSizeBytesMax);
const views: (OwnedBytes | undefined)[] = [];
/**
 * The form of that answer: its kind, its end and how many digits its numbers have. One answer is mostly like the one before:
 * of the same form, it differs in digits only.
 */
let form = -1;
/** Where the digits stand in it. */
let refAt = 0;
let firstAt = 0;
let cursorAt = 0;
let countAt = 0;
let sizeBytes = 0;

/**
 * Returns `{"first":…,"cursor":…,"count":…,"ack":…}` of a batch; without `first` when it was empty.
 * The bytes are valid until the next answer is made.
 */
export function appendAnswer(first: number, count: number, synced: boolean, duplicate: boolean): OwnedBytes {
  return write(0, 0, first, count, (synced ? 1 : 0) + (duplicate ? 2 : 0));
}

/** Returns the same as a message with `type` and the client's `ref`, valid until the next answer is made. */
export function appendAck(ref: number, first: number, count: number, synced: boolean, duplicate: boolean): OwnedBytes {
  return write(digitCountOf(ref), ref, first, count, (synced ? 1 : 0) + (duplicate ? 2 : 0));
}

/** @param refDigits 0: an answer without `ref`. @param end of the pieces above. */
function write(refDigits: number, ref: number, first: number, count: number, end: number): OwnedBytes {
  const cursor = first + count - 1;
  const firstDigits = count > 0 ? digitCountOf(first) : 0;
  const cursorDigits = digitCountOf(cursor);
  const countDigits = digitCountOf(count);
  // At most 16 digits each, in five bits.
  const wanted = (((((((refDigits << 5) | firstDigits) << 5) | cursorDigits) << 5) | countDigits) << 2) | end;
  if (wanted !== form) {
    layOut(refDigits, firstDigits, cursorDigits, countDigits, end);
    form = wanted;
  }
  if (refDigits > 0) writeDigits(ref, refDigits, answer, refAt);
  if (firstDigits > 0) writeDigits(first, firstDigits, answer, firstAt);
  writeDigits(cursor, cursorDigits, answer, cursorAt);
  writeDigits(count, countDigits, answer, countAt);
  return viewOf(sizeBytes);
}

/** Puts what stands between the digits in its place. */
function layOut(refDigits: number, firstDigits: number, cursorDigits: number, countDigits: number, end: number): void {
  refAt = put(refDigits > 0 ? ackPiece : openPiece, 0);
  let at = refAt + refDigits;
  if (refDigits > 0) at = put(commaPiece, at);
  if (firstDigits > 0) {
    firstAt = put(firstPiece, at);
    at = put(commaPiece, firstAt + firstDigits);
  }
  cursorAt = put(cursorPiece, at);
  countAt = put(countPiece, cursorAt + cursorDigits);
  sizeBytes = put(endPieces[end]!, countAt + countDigits);
}

function put(piece: OwnedBytes, at: number): number {
  answer.set(piece, at);
  return at + piece.length;
}

function viewOf(length: number): OwnedBytes {
  assert(length <= answer.length, "an answer keeps to its size");
  let view = views[length];
  if (view === undefined) {
    view = answer.subarray(0, length);
    views[length] = view;
  }
  return view;
}
