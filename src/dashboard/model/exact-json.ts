/** JSON for reading by people: numbers that a double cannot hold keep the digits that were sent. */

/** A number literal that would lose digits. */
export class NumberLiteral {
  readonly literal: string;

  constructor(literal: string) {
    this.literal = literal;
  }

  toString(): string {
    return this.literal;
  }
}

/** Digits that a double holds in every case. */
const safeDigitCount = 15;

/** Parses `text`; numbers of more than fifteen digits come as `NumberLiteral` where the browser tells their source. */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text, keepDigits as Parameters<typeof JSON.parse>[1]);
}

function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined) return value;
  const digitCount = source.replace(/[eE].*$/, "").replace(/\D/g, "").length;
  return digitCount > safeDigitCount && String(value) !== source ? new NumberLiteral(source) : value;
}

/** A piece of printed JSON with the colour it gets. */
export interface JsonToken {
  readonly kind: "key" | "string" | "number" | "word" | "mark";
  readonly text: string;
}

/** Prints `value` as indented JSON in pieces. */
export function jsonTokens(value: unknown, indent = ""): JsonToken[] {
  if (value instanceof NumberLiteral) return [{ kind: "number", text: value.literal }];
  if (typeof value === "number") return [{ kind: "number", text: String(value) }];
  if (typeof value === "string") return [{ kind: "string", text: JSON.stringify(value) }];
  if (typeof value !== "object" || value === null) return [{ kind: "word", text: String(value) }];
  const isList = Array.isArray(value);
  const members = Object.entries(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (members.length === 0) return [{ kind: "mark", text: open + close }];
  const tokens: JsonToken[] = [{ kind: "mark", text: open }];
  for (const [index, [name, member]] of members.entries()) {
    tokens.push({ kind: "mark", text: `${index > 0 ? "," : ""}\n${indent}  ` });
    if (!isList) tokens.push({ kind: "key", text: JSON.stringify(name) }, { kind: "mark", text: ": " });
    tokens.push(...jsonTokens(member, `${indent}  `));
  }
  tokens.push({ kind: "mark", text: `\n${indent}${close}` });
  return tokens;
}
