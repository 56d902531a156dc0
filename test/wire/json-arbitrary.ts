/** Generates JSON text as clients write it and as they should not: any white space, escapes, numbers, names. */
import fc from "fast-check";

const character = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[a-zA-Z0-9 {}[\],:/.-]{1,9}$/) },
  fc.constantFrom(
    "\\n",
    '\\"',
    "\\\\",
    "\\/",
    "\\u0000",
    "\\u00e9",
    "\\uD83D\\uDE00",
    "\\ud83d",
    "\\ude00",
    "é",
    "✓",
    "😀",
    "\u007f",
    "\u2028",
  ),
);

/** A string literal with its quotes. */
export const stringLiteral = fc.array(character, { maxLength: 5 }).map((parts) => `"${parts.join("")}"`);

/** A number literal of any form JSON has. */
export const numberLiteral = fc.oneof(
  fc.integer().map(String),
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?$/),
);

const tree = fc.letrec<{ value: string[]; member: string[] }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(stringLiteral, numberLiteral, fc.constantFrom("true", "false", "null")).map((text) => [text]),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => bracketed("[", items, "]")),
    fc.array(tie("member"), { maxLength: 4 }).map((items) => bracketed("{", items, "}")),
  ),
  member: fc.tuple(stringLiteral, tie("value")).map(([name, value]) => [name, ":", ...value]),
}));

/** The tokens of any value. */
export const valueTokens = tree.value;
/** The tokens of an object. */
export const objectTokens = fc.array(tree.member, { maxLength: 5 }).map((items) => bracketed("{", items, "}"));

const times = [
  '"2026-11-20T10:00:00.123Z"',
  '"1999-02-28T23:59:59.000Z"',
  "1795168800123",
  '"1795168800123456789"',
  "-5",
  '"no"',
  "null",
];
const levels = ['"info"', '"WARN"', '"Fatal"', "30", "60", '"x"', "5", "null", "35"];

const usual: fc.Arbitrary<string[]>[] = [
  member(
    ["timestamp", "@timestamp", "time", "ts"],
    fc.constantFrom(...times).map((text) => [text]),
  ),
  member(
    ["level"],
    fc.constantFrom(...levels).map((text) => [text]),
  ),
  member(
    ["logger", "name"],
    stringLiteral.map((text) => [text]),
  ),
  member(
    ["message", "msg"],
    stringLiteral.map((text) => [text]),
  ),
  member(
    ["format"],
    stringLiteral.map((text) => [text]),
  ),
  member(["fields", "data"], objectTokens),
  member(["x", "entries", "messages", "m\\u0065ssage", "na\\u006de", "", "__proto__"], valueTokens),
];
const odd = member(
  ["timestamp", "level", "logger", "name", "message", "msg", "format", "fields", "data", "time"],
  fc.oneof(fc.constant<string[]>(["null"]), valueTokens),
);

function member(names: string[], value: fc.Arbitrary<string[]>): fc.Arbitrary<string[]> {
  return fc.tuple(fc.constantFrom(...names), value).map(([name, tokens]) => [`"${name}"`, ":", ...tokens]);
}

function bracketed(open: string, items: string[][], close: string): string[] {
  return [open, ...items.flatMap((item, index) => (index === 0 ? item : [",", ...item])), close];
}

const spaces = fc.oneof(
  { weight: 3, arbitrary: fc.constant([""]) },
  fc.array(fc.constantFrom("", "", "", " ", "  ", "\t", "\r"), { minLength: 1, maxLength: 7 }),
);

/** The text of tokens with white space between them; no line feed, so that it goes as a line too. */
export function textOfTokens(tokens: fc.Arbitrary<string[]>): fc.Arbitrary<string> {
  return fc
    .tuple(tokens, spaces)
    .map(([list, between]) => list.map((token, index) => token + (between[index % between.length] as string)).join(""));
}

/** An entry: mostly what entries are made of, at times twice, at times something else. */
export const entryText = textOfTokens(
  fc
    .tuple(
      fc.array(fc.oneof({ weight: 9, arbitrary: fc.oneof(...usual) }, odd), { maxLength: 8 }),
      fc.option(usual[3] as fc.Arbitrary<string[]>),
    )
    .map(([items, message]) => bracketed("{", message === null ? items : [...items, message], "}")),
);
