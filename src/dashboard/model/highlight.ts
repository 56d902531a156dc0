/** Where a text that is looked for stands in a line. */

export interface Piece {
  readonly text: string;
  readonly isMatch: boolean;
}

/** Marks in one row; more help nobody and cost layout. */
const matchCountMax = 100;

/** Splits `text` at the places where `needle` stands in any case; one piece when it stands nowhere. */
export function piecesOf(text: string, needle: string): Piece[] {
  if (needle === "") return [{ text, isMatch: false }];
  const lowerText = text.toLowerCase();
  const lowerNeedle = needle.toLowerCase();
  // Lower case may have another length in a few scripts; then offsets would lie, and nothing is marked.
  if (lowerText.length !== text.length) return [{ text, isMatch: false }];
  const pieces: Piece[] = [];
  let from = 0;
  for (let count = 0; count < matchCountMax; count++) {
    const at = lowerText.indexOf(lowerNeedle, from);
    if (at < 0) break;
    if (at > from) pieces.push({ text: text.slice(from, at), isMatch: false });
    pieces.push({ text: text.slice(at, at + lowerNeedle.length), isMatch: true });
    from = at + lowerNeedle.length;
  }
  if (from < text.length || pieces.length === 0) pieces.push({ text: text.slice(from), isMatch: false });
  return pieces;
}
