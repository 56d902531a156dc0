/** Generators of templates and of fields as JSON text, aimed at what the rules distinguish. */
import fc from "fast-check";

const names = ["a", "b", "c", "ab", "x_1", "0", "constructor", "__proto__"];
const paths = [
  ...names,
  "a.b",
  "a/b",
  "b.a",
  "a[0]",
  "b[1]",
  "a[0].b",
  "c[1]/a",
  "a.b.c",
  "a[0][1]",
  "b[00]",
  "a[99999999999999999999]",
];

/** Text of templates: sound placeholders, escapes of both kinds, and what breaks them. */
export const templates: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 24, arbitrary: fc.constantFrom(...paths).map((path) => `{${path}}`) },
      { weight: 8, arbitrary: fc.constantFrom("text ", "å中😀", " = ", "", "\n", "$text", "a", ".") },
      { weight: 6, arbitrary: fc.constantFrom("{{", "}}", "{{{{", "\ud83d", "\ude00") },
      { weight: 1, arbitrary: fc.constantFrom("`{", "`}", "``", "`") },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          "{",
          "}",
          "{}",
          "{a,5}",
          "{å}",
          "{a.}",
          "{[0]}",
          "{a[]}",
          "{a[x]}",
          "{ a}",
          "{a[0]b}",
          "{$text}",
        ),
      },
      { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(""));

const stringAtoms = fc.constantFrom(
  ...["a", "b", " ", "{a}", "{{", "}", "å", "中", "😀", "`", "…", "\u2028", "\u007f"],
  ...["\\n", "\\t", "\\b", "\\f", "\\r", '\\"', "\\\\", "\\/", "\\u0000", "\\u001F", "\\u0061", "\\u00e9", "\\u00E9", "\\u20aC"],
  ...["\\ud83d", "\\uDE00", "\\ud83d\\ude00", "\\uD800", "\\udfff"],
);

const strings: fc.Arbitrary<string> = fc.oneof(
  fc.array(stringAtoms, { maxLength: 6 }).map((atoms) => `"${atoms.join("")}"`),
  fc.string({ unit: "binary", maxLength: 8 }).map((text) => JSON.stringify(text)),
);

const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,24})$/);

/** Number literals in every shape that JSON allows. */
export const numbers: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1.0",
    "0.10",
    "100",
    "1E5",
    "1e21",
    "1e-7",
    "0.000001",
    "0.0000001",
    "0.00000120",
    "1e400",
    "-1e400",
  ),
  fc.constantFrom(
    "9007199254740993",
    "999999999999999",
    "1000000000000000",
    "0.30000000000000004",
    "123456789012345.6",
    "5e-324",
    "1e00005",
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc
    .tuple(
      fc.constantFrom("", "-"),
      digits,
      fc.stringMatching(/^(\.[0-9]{1,18})?$/),
      fc.stringMatching(/^([eE][-+]?[0-9]{1,2})?$/),
    )
    .map((parts) => parts.join("")),
);

const memberNames = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...paths).map((name) => JSON.stringify(name)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '"\\u0061"',
      '"a\\"b"',
      '"e\\nf"',
      '"\\ud800"',
      '"å"',
      '""',
      '"\\u00e5"',
      '"$type"',
      '"\\u0001"',
      '"\\/"',
    ),
  },
);
const dollarNames = fc.constantFrom(
  ...[
    '"$text"',
    '"$TEXT"',
    '"$Text"',
    '"\\u0024text"',
    '"$format"',
    '"$Format"',
    '"$locformat"',
    '"$locns"',
    '"$lockey"',
    '"$LocKey"',
  ],
);

/** A JSON value; objects lean towards names that templates ask for. */
const values: fc.Arbitrary<string> = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      strings,
      numbers,
      fc.constantFrom("true", "false", "null"),
      templates.map((text) => JSON.stringify(text)),
    ),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join(",")}]`),
    tie("object"),
    fc
      .tuple(tie("value"), fc.integer({ min: 1, max: 10 }), fc.constantFrom("[#]", '{"a":#}', '{"$format":"{a}{a}","a":#}'))
      .map(nested),
  ),
  object: fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: fc.tuple(memberNames, tie("value")) },
        {
          weight: 1,
          arbitrary: fc.tuple(
            dollarNames,
            fc.oneof(
              templates.map((text) => JSON.stringify(text)),
              tie("value"),
            ),
          ),
        },
        { weight: 1, arbitrary: templates.map((text) => ['"$locns":"n","$lockey":"k","$locformat"', JSON.stringify(text)]) },
      ),
      { maxLength: 6 },
    )
    .map((members) => `{${members.map(([name, value]) => `${name}:${value}`).join(",")}}`),
})).value;

/** The fields of an entry: a JSON object, or nothing. */
export const fieldObjects: fc.Arbitrary<string> = fc
  .array(fc.tuple(memberNames, values), { maxLength: 24, size: "small" })
  .map((members) => (members.length === 0 ? "" : `{${members.map(([name, value]) => `${name}:${value}`).join(",")}}`));

/** Fields with many members, names sent twice among them, and a template that asks often. */
export const wideEntries: fc.Arbitrary<[format: string, fields: string]> = fc.tuple(
  fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 9, maxLength: 30 }).map((ids) => ids.map((id) => `{n${id}}`).join(",")),
  fc
    .array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.boolean()), { minLength: 17, maxLength: 60 })
    .map((members) => members.map(([id, escaped], index) => `"${escaped ? "\\u006e" : "n"}${id}":${index}`).join(","))
    .map((members) => `{${members}}`),
);

function nested([value, count, around]: [string, number, string]): string {
  let text = value;
  for (let index = 0; index < count; index++) text = around.replace("#", () => text);
  return text;
}
