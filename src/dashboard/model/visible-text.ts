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
  const end = message.indexOf("\n");
  const line = end < 0 ? message : message.slice(0, end).replace(/\r$/, "");
  return line.length > foldedLengthMax ? `${line.slice(0, foldedLengthMax)}…` : line;
}
