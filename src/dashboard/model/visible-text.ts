/** Makes text from outside safe to look at: what would move, hide or reorder text on the screen is shown instead. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this finds
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Returns `text` with control and direction characters as visible symbols; tab and line feed stay. */
export function visibleText(text: string): string {
  return text.replace(unsafe, symbolOf);
}

function symbolOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

/** Characters of a folded row; the rest is shown when it is opened. */
export const foldedLengthMax = 2000;

/** Returns the first line of `message`, cut to what a folded row shows. */
export function firstLine(message: string): string {
  return cut(lineAt(message, 0));
}

/** Returns what a folded row shows while `needle` is looked for: the first line, and the line of a match that it hides. */
export function lineWithMatch(message: string, needle: string): string {
  const first = firstLine(message);
  const at = message.toLowerCase().indexOf(needle.toLowerCase());
  if (at < first.length || needle === "") return first;
  const start = message.lastIndexOf("\n", at) + 1;
  // A match far inside a long line is shown from a little before it.
  const from = Math.max(start, at - 40);
  return `${first.slice(0, 120)} … ${cut(lineAt(message, from)).trimStart()}`;
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf("\n", start);
  return end < 0 ? text.slice(start) : text.slice(start, end).replace(/\r$/, "");
}

function cut(line: string): string {
  return line.length > foldedLengthMax ? `${line.slice(0, foldedLengthMax)}…` : line;
}
