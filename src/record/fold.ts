/** Case folding for searches: which characters count as the same, by Unicode's simple case folding. */
import type { OwnedBytes } from "../base/bytes.ts";

/** No cased character lies above. */
const casedCodeMax = 0x1ffff;
let casedCharacters = "";

/**
 * Returns the characters that fold to the same as `character`, itself among them: `k`, `K` and the Kelvin sign.
 * The engine's own case-insensitive patterns know them; they are asked once for each character of a search.
 */
export function foldClassOf(character: string): string[] {
  const code = character.codePointAt(0) as number;
  if (isSurrogate(code)) return [character];
  if (casedCharacters === "") casedCharacters = collectCased();
  const same: string[] = casedCharacters.match(new RegExp(`\\u{${code.toString(16)}}`, "giu")) ?? [];
  return same.includes(character) ? same : [character, ...same];
}

/** Returns the bytes of `text` as columns hold it: UTF-8, where a surrogate that stands alone has its three-byte form. */
export function wtf8Of(text: string): OwnedBytes {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code, 0));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(code, 6), tail(code, 0));
    else bytes.push(0xf0 | (code >> 18), tail(code, 12), tail(code, 6), tail(code, 0));
  }
  return new Uint8Array(bytes);
}

function tail(code: number, shift: number): number {
  return 0x80 | ((code >> shift) & 0x3f);
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}

function collectCased(): string {
  const cased = /\p{Changes_When_Casemapped}/u;
  let found = "";
  for (let code = 0; code <= casedCodeMax; code++) {
    if (isSurrogate(code)) continue;
    const character = String.fromCodePoint(code);
    if (cased.test(character)) found += character;
  }
  return found;
}
