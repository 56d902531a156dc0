/** WTF-8: UTF-8 in which a surrogate of JSON that stands alone has its three-byte form. Runs in browsers. */
import { type AnyBytes, textOf } from "../base/bytes.ts";

/** Returns the text of `bytes[start, end)`: surrogates that stood alone do so again. */
export function wtf8TextOf(bytes: AnyBytes, start: number, end: number): string {
  const text = textOf(bytes, start, end);
  return text.includes("\ufffd") ? decodeWtf8(bytes, start, end) : text;
}

function decodeWtf8(bytes: AnyBytes, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; ) {
    const first = bytes[at] as number;
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    let code = size === 1 ? first : first & (0xff >> (size + 1));
    for (let index = 1; index < size; index++) code = (code << 6) | ((bytes[at + index] ?? 0) & 0x3f);
    text += String.fromCodePoint(Math.min(code, 0x10ffff));
    at += size;
  }
  return text;
}
