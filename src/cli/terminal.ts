/** What a terminal may show: colours when it wants them, and log text that cannot move its cursor. */

/** Select Graphic Rendition codes. */
const codes = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
  brightRed: 91,
} as const;

export type Colour = keyof typeof codes;

/** Paints text, or leaves it alone where no colour is wanted. */
export type Paint = (colour: Colour, text: string) => string;

interface Stream {
  readonly isTTY?: boolean;
}

/** Returns the paint for `stream`: plain unless it is a terminal and neither NO_COLOR nor a dumb terminal forbids. */
export function paintFor(stream: Stream, environment: Readonly<Record<string, string | undefined>>): Paint {
  const isWanted = stream.isTTY === true && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
  return isWanted ? (colour, text) => `\x1b[${codes[colour]}m${text}\x1b[0m` : (_colour, text) => text;
}

/**
 * Everything that could act on a terminal or make text read as other text: C0 but tab and newline, DEL, C1, direction
 * marks and overrides, line and paragraph separators, invisible operators, tags, lone surrogates.
 */
const acting =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu;

/** Returns `text` with every acting character spelled out; tabs and newlines stay. */
export function visible(text: string): string {
  return text.replace(acting, spelled);
}

/** Returns `text` on one line, every acting character, tab and newline spelled out. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** Returns JSON text that means the same, with every acting character as an escape. */
export function visibleJson(json: string): string {
  return json.replace(acting, (character) => {
    let escapes = "";
    for (let index = 0; index < character.length; index++) {
      escapes += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }
    return escapes;
  });
}

function spelled(character: string): string {
  if (character === "\r") return "\\r";
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}
