/** What a stored batch is answered, as bytes: the JSON body of HTTP and the `ack` message of a WebSocket (contract 4 and 6). */
import { assert } from "../base/assert.ts";
import { type OwnedBytes, utf8 } from "../base/bytes.ts";
import { writeNatural } from "./text-copy.hot.ts";

const openPiece = utf8("{");
const ackPiece = utf8('{"type":"ack","ref":');
const firstPiece = utf8('"first":');
const cursorPiece = utf8('"cursor":');
const countPiece = utf8(',"count":');
const comma = 0x2c;
/** What comes last: `synced` adds 1, `duplicate` 2. */
const endPieces = [
  utf8(',"ack":"written"}'),
  utf8(',"ack":"synced"}'),
  utf8(',"ack":"written","duplicate":true}'),
  utf8(',"ack":"synced","duplicate":true}'),
];
/** All pieces, four numbers of 16 digits, and what `writeNatural` wants behind it. */
const answerSizeBytesMax = 192;

/** The one answer there is at a time; views of it by length, so that none is made for each. */
const answer = new Uint8Array(answerSizeBytesMax);
const views: (OwnedBytes | undefined)[] = [];

/**
 * Returns `{"first":…,"cursor":…,"count":…,"ack":…}` of a batch; without `first` when it was empty.
 * The bytes are valid until the next answer is made.
 */
export function appendAnswer(first: number, count: number, synced: boolean, duplicate: boolean): OwnedBytes {
  return finish(put(openPiece, 0), first, count, synced, duplicate);
}

/** Returns the same as a message with `type` and the client's `ref`, valid until the next answer is made. */
export function appendAck(ref: number, first: number, count: number, synced: boolean, duplicate: boolean): OwnedBytes {
  const at = writeNatural(ref, answer, put(ackPiece, 0));
  answer[at] = comma;
  return finish(at + 1, first, count, synced, duplicate);
}

function finish(from: number, first: number, count: number, synced: boolean, duplicate: boolean): OwnedBytes {
  let at = from;
  if (count > 0) {
    at = writeNatural(first, answer, put(firstPiece, at));
    answer[at++] = comma;
  }
  at = writeNatural(first + count - 1, answer, put(cursorPiece, at));
  at = writeNatural(count, answer, put(countPiece, at));
  return viewOf(put(endPieces[(synced ? 1 : 0) + (duplicate ? 2 : 0)]!, at));
}

function put(piece: OwnedBytes, at: number): number {
  for (let index = 0; index < piece.length; index++) answer[at + index] = piece[index]!;
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
