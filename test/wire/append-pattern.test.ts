/** Appends found by what they have in common with the one before, beside reading them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppendMessage, appendMember } from "#src/wire/append-message.hot.ts";
import { AppendPattern } from "#src/wire/append-pattern.hot.ts";
import { entryText } from "./json-arbitrary.ts";
import { mutatedText, randomOf } from "./mutations.ts";

const seed = Number(process.env["TAILRACE_SEED"] ?? 1);
const session = "5f2d7a0b9c1e4d3f8a6b7c8d";

/** Off alignment, as in the memory of a socket, and with what a longer message left behind it. */
function viewOf(text: string): DataView {
  const bytes = Buffer.concat([Buffer.alloc(3), Buffer.from(text), Buffer.from(']},"key":"a:1"}]}')]);
  return new DataView(bytes.buffer, bytes.byteOffset + 3, bytes.length - 3);
}

function sizeOf(text: string): number {
  return Buffer.byteLength(text);
}

/** What is found in `text`: the members as text, in the order of their numbers. */
function membersOf(text: string, { starts, ends }: AppendMessage): (string | undefined)[] {
  const bytes = Buffer.from(text);
  return [...starts].map((start, member) => (start < 0 ? undefined : bytes.toString("latin1", start, ends[member])));
}

function learned(text: string): AppendPattern {
  const message = new AppendMessage();
  const pattern = new AppendPattern();
  assert.ok(message.read(viewOf(text), sizeOf(text)) && message.isAppend(viewOf(text)));
  pattern.learn(viewOf(text), message);
  return pattern;
}

const usual = (ref: number, entries: string, behind = "") =>
  `{"type":"append","ref":${ref},"session":"${session}","entries":${entries}${behind}}`;

test("a message like the one before is found without being read, with its key behind the entries or without one", () => {
  const pattern = learned(usual(17, '[{"message":"a"}]'));
  const good = [
    usual(18, '[{"message":"b"},{"message":"another one"}]'),
    usual(18, '[{"message":"in [brackets] and {braces}"}]'),
    usual(18, '[{"message":"a","fields":{"list":[1,[2]]}}]'),
    usual(20, '[{"message":"é ✓ 😀"}]'),
    usual(21, '[{"message":"c"}]', ',"key":"producer-1:12"'),
    usual(21, '[{"message":"c"}]', ',"key":""'),
  ];
  for (const text of good) {
    const found = new AppendMessage();
    const read = new AppendMessage();
    assert.ok(pattern.find(viewOf(text), sizeOf(text), found), text);
    assert.ok(read.read(viewOf(text), sizeOf(text)));
    assert.deepEqual(membersOf(text, found), membersOf(text, read));
  }
});

test("what may end otherwise than it looks is left to reading", () => {
  const pattern = learned(usual(17, "[]"));
  const others = [
    usual(99, "[]"),
    usual(7, "[]"),
    usual(180, "[]"),
    usual(18, "[]").replace("append", "appenD"),
    usual(18, "[]").replace(session, session.replace("5", "6")),
    usual(18, "[]").replace(":18", ":1x"),
    usual(18, "[]").replace(":18", ":08"),
    usual(18, "[] "),
    `${usual(18, "[]")} `,
    usual(18, "[]", ',"ack":"synced"'),
    usual(18, "[]", ',"ref":19'),
    usual(18, "[]", ',"entries":[]'),
    usual(18, "[]", ',"tags":["a"]'),
    usual(18, "[]", ',"key":"a\\u003a1"'),
    usual(18, "[]", ',"key":"a:1","tags":[]'),
    usual(18, '[{"message":"a","fields":{"list":[1,2],"key":"b"}}]'),
    usual(18, "[").slice(0, -1),
    usual(18, ""),
    "",
  ];
  for (const text of others) assert.equal(pattern.find(viewOf(text), sizeOf(text), new AppendMessage()), false, text);
});

test("a message without a number, with its key in front or with a long head teaches nothing", () => {
  const heads = [
    `{"type":"append","session":"${session}","entries":[]}`,
    `{"type":"append","ref":1,"key":"a:1","session":"${session}","entries":[]}`,
    `{"type":"append","ref":1,"entries":[],"session":"${session}"}`,
    `{"type":"append","ref":1,"session":"${session}","note":"${"x".repeat(100)}","entries":[]}`,
    `{"type":"append","ref":1,"session":"${session}","entries":7}`,
  ];
  for (const text of heads) assert.equal(learned(text).find(viewOf(text), sizeOf(text), new AppendMessage()), false, text);
});

const white = fc.oneof({ weight: 9, arbitrary: fc.constant("") }, fc.constantFrom(" ", "\n\t"));
const members = fc.array(
  fc.oneof(
    fc.constantFrom(`"session":"${session}"`, '"ack":"synced"', '"key":"a:1"', '"tags":["a]",{}]', '"ref":1', '"entries":[]'),
    fc.constantFrom('"type":"append"', '"type":"appen\\u0064"'),
  ),
  { maxLength: 2 },
);
const messages = fc
  .record({
    ref: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 10, max: 99 }) }, fc.integer()),
    front: fc.oneof({ weight: 4, arbitrary: fc.constant<string[]>([]) }, members),
    behind: fc.oneof({ weight: 2, arbitrary: fc.constant<string[]>([]) }, members),
    entries: fc.array(entryText, { maxLength: 3 }),
    space: white,
  })
  .map(({ ref, front, behind, entries, space }) => {
    const list = `[${entries.join(`,${space}`)}]`;
    const head = ['"type":"append"', `"ref":${ref}`, `"session":"${session}"`, ...front, `"entries":${list}`];
    return `{${[...head, ...behind].join(`${space},`)}${space}}`;
  });

test("found by its pattern or read, a message has the same members, whatever bytes it is of", (context) => {
  const random = randomOf(seed);
  const pattern = new AppendPattern();
  const found = new AppendMessage();
  const read = new AppendMessage();
  let foundCount = 0;
  let brokenCount = 0;
  const look = (text: string) => {
    const view = viewOf(text);
    const isRead = read.read(view, sizeOf(text));
    if (pattern.find(view, sizeOf(text), found)) {
      foundCount++;
      if (isRead) assert.deepEqual(membersOf(text, found), membersOf(text, read), text);
      else {
        // Its brackets do not match: decode finds that out.
        brokenCount++;
        const entries = membersOf(text, found)[appendMember.entries] as string;
        assert.throws(() => JSON.parse(entries), text);
      }
    }
    if (isRead && read.isAppend(view)) pattern.learn(view, read);
  };
  for (const text of fc.sample(messages, { numRuns: 20_000, seed })) {
    look(text);
    look(Buffer.from(mutatedText([Buffer.from(text)], random)).toString());
  }
  assert.ok(foundCount > 1000 && brokenCount > 10, `${foundCount} found, ${brokenCount} of them broken`);
  context.diagnostic(`figures: seed ${seed}, ${foundCount} found by their pattern, ${brokenCount} of them broken`);
});
