/** A template as people read it: literal text and placeholders. */

export interface TemplatePiece {
  readonly text: string;
  readonly isPlaceholder: boolean;
}

/** Splits `template` into its placeholders and the text between; doubled braces are text. */
export function templatePieces(template: string): TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  let from = 0;
  for (const match of template.matchAll(/\{\{|\}\}|\{[A-Za-z0-9_./[\]]+\}/g)) {
    if (match[0].length === 2) continue;
    if (match.index > from) pieces.push({ text: template.slice(from, match.index), isPlaceholder: false });
    pieces.push({ text: match[0], isPlaceholder: true });
    from = match.index + match[0].length;
  }
  if (from < template.length || pieces.length === 0) pieces.push({ text: template.slice(from), isPlaceholder: false });
  return pieces;
}
