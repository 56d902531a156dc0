/** What a search needs to know of its text, worked out once: how each character may be written when case is put aside. */
import type { OwnedBytes } from "../base/bytes.ts";
import { foldClassOf, wtf8Of } from "./fold.ts";

export interface FoldPattern {
  /** For each character the ways to write it. */
  readonly characters: readonly (readonly OwnedBytes[])[];
  /** The text with each character in a way of its usual length. */
  readonly bytes: OwnedBytes;
  /** Per byte: the bits that all ways of usual length have in common. */
  readonly masks: OwnedBytes;
  /** True when bytes that agree in all masked bits are a match; else they only may be one. */
  readonly isExact: boolean;
  /** Ways of another length than usual, all outside ASCII: where none of them stands, matches have the length of `bytes`. */
  readonly foreignWays: readonly OwnedBytes[];
}

/** Returns the pattern of `text`. */
export function foldPatternOf(text: string): FoldPattern {
  const bytes: number[] = [];
  const masks: number[] = [];
  const characters: OwnedBytes[][] = [];
  const foreignWays: OwnedBytes[] = [];
  let isExact = true;
  for (const character of text) {
    const ways = foldClassOf(character).map(wtf8Of);
    const sizeBytes = usualSizeBytes(ways, wtf8Of(character).length);
    const usual = ways.filter((way) => way.length === sizeBytes);
    foreignWays.push(...ways.filter((way) => way.length !== sizeBytes));
    if (sizeBytes > 1 && usual.length > 1) isExact = false;
    for (let index = 0; index < sizeBytes; index++) {
      const first = usual[0]?.[index] ?? 0;
      const differing = usual.reduce((bits, way) => bits | ((way[index] ?? 0) ^ first), 0);
      bytes.push(first);
      masks.push(0xff & ~differing);
    }
    characters.push(ways);
  }
  return { characters, bytes: new Uint8Array(bytes), masks: new Uint8Array(masks), isExact, foreignWays };
}

/** The length that most ways have; `own` among equals. Letters of ASCII stand in two ways of one byte, so theirs is 1. */
function usualSizeBytes(ways: readonly OwnedBytes[], own: number): number {
  const countOf = (sizeBytes: number) => ways.filter((way) => way.length === sizeBytes).length;
  return ways.reduce((best, way) => (countOf(way.length) > countOf(best) ? way.length : best), own);
}
