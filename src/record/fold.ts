/** Case folding for searches: which characters count as the same, by Unicode's simple case folding. */
import type { OwnedBytes } from "../base/bytes.ts";

/** No cased character lies above. */
const casedCodeMax = 0x1ffff;
const cased = /\p{Changes_When_Casemapped}/u;
let casedCharacters = "";
/** Classes that were asked for; bounded by the number of cased characters, some 3000. */
const classes = new Map<string, readonly string[]>();
// ASCII is known without asking, so that the usual search costs nothing.
for (const lower of "abcdefghijklmnopqrstuvwxyz") {
  const foreign = lower === "k" ? ["\u212a"] : lower === "s" ? ["\u017f"] : [];
  const letters = [lower, lower.toUpperCase(), ...foreign];
  for (const letter of letters) classes.set(letter, letters);
}

/**
 * Returns the characters that fold to the same as `character`, itself among them: `k`, `K` and the Kelvin sign.
 * The engine's own case-insensitive patterns know them; they are asked once for each character.
 */
export function foldClassOf(character: string): readonly string[] {
  if (!cased.test(character)) return [character];
  const known = classes.get(character);
  if (known !== undefined) return known;
  if (casedCharacters === "") casedCharacters = collectCased();
  const code = (character.codePointAt(0) as number).toString(16);
  const same: readonly string[] = casedCharacters.match(new RegExp(`\\u{${code}}`, "giu")) ?? [character];
  classes.set(character, same);
  return same;
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
  let found = "";
  for (let code = 0; code <= casedCodeMax; code++) {
    if (isSurrogate(code)) continue;
    const character = String.fromCodePoint(code);
    if (cased.test(character)) found += character;
  }
  return found;
}
