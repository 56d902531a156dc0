/** Appends found by what they have in common with the one before, beside reading them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
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
  const entries = '[{"message":"a"}]';
  const good = usual(18, entries);
  const pattern = learned(usual(17, entries));
  assert.ok(pattern.find(viewOf(good), sizeOf(good), new AppendMessage()));
  const others = [
    usual(7, entries),
    usual(180, entries),
    good.replace("append", "appenD"),
    good.replace(session, session.replace("5", "6")),
    good.replace(session, session.replace("8d", "8e")),
    good.replace('"entries"', '"entrieS"'),
    good.replace(":18", ":1x"),
    good.replace(":18", ":08"),
    good.replace(":18", ":-8"),
    good.replace("[{", "{{"),
    usual(18, `${entries} `),
    `${good} `,
    `${good.slice(0, -1)},`,
    `${good.slice(0, -1)}]`,
    good.slice(0, -1),
    good.slice(0, -2),
    usual(18, entries, ',"ack":"synced"'),
    usual(18, entries, ',"ref":19'),
    usual(18, entries, ',"entries":[]'),
    usual(18, entries, ',"tags":["a"]'),
    usual(18, entries, ',"key":"a\\u003a1"'),
    usual(18, entries, ',"key":"a:1","tags":[]'),
    usual(18, entries, ', "key":"a:1"'),
    usual(18, '[{"message":"a","fields":{"list":[1,2],"key":"b"}}]'),
    // Too short behind the head for words to be compared.
    usual(18, "[]"),
    usual(18, ""),
    "",
  ];
  for (const text of others) assert.equal(pattern.find(viewOf(text), sizeOf(text), new AppendMessage()), false, text);
});

test("a message without a number, with a member twice, with its key in front or with a long head teaches nothing", () => {
  const entries = '[{"message":"a"}]';
  const heads = [
    `"type":"append","session":"${session}"`,
    `"type":"append","ref":10,"key":"a:1","session":"${session}"`,
    `"type":"append","ref":10,"session":"${session}","note":"${"x".repeat(100)}"`,
  ];
  for (const head of heads) {
    const text = `{${head},"entries":${entries}}`;
    assert.equal(learned(text).find(viewOf(text), sizeOf(text), new AppendMessage()), false, text);
  }
  const next = usual(10, entries);
  const doubled = [
    [usual(11, entries, ',"key":"a:1","key":"a:2"'), next],
    [usual(11, entries, ',"session":"5"'), next],
    [usual(11, "7"), usual(11, "7]}]")],
    ['{"type":"append","ref":11,"entries":[{}],"session":"a"}', '{"type":"append","ref":11,"entries":[{"a":1}]}'],
    [
      `{"type":"append","ref":11,"key":"a:1","entries":${entries},"key":"a:2"}`,
      `{"type":"append","ref":11,"key":"a:1","entries":${entries}}`,
    ],
  ] as const;
  for (const [first, second] of doubled)
    assert.equal(learned(first).find(viewOf(second), sizeOf(second), new AppendMessage()), false, second);
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

/** Looks at messages both ways, and learns from those that are appends. */
class BothWays {
  foundCount = 0;
  brokenCount = 0;
  readonly #pattern = new AppendPattern();
  readonly #found = new AppendMessage();
  readonly #read = new AppendMessage();

  look(text: string): void {
    const view = viewOf(text);
    const isRead = this.#read.read(view, sizeOf(text));
    if (this.#pattern.find(view, sizeOf(text), this.#found)) {
      this.foundCount++;
      const members = membersOf(text, this.#found);
      if (isRead && isDeepStrictEqual(members, membersOf(text, this.#read))) return;
      // It is no JSON, nor are its entries: decode finds that out.
      this.brokenCount++;
      assert.throws(() => JSON.parse(text), text);
      assert.throws(() => JSON.parse(members[appendMember.entries] as string), text);
    }
  }

  /** The same, and learns from it if it is an append. */
  lookAndLearn(text: string): void {
    this.look(text);
    if (this.#read.read(viewOf(text), sizeOf(text)) && this.#read.isAppend(viewOf(text)))
      this.#pattern.learn(viewOf(text), this.#read);
  }
}

test("found by its pattern or read, a message has the same members, whatever bytes it is of", (context) => {
  const random = randomOf(seed);
  const ways = new BothWays();
  for (const text of fc.sample(messages, { numRuns: 20_000, seed })) {
    ways.lookAndLearn(text);
    ways.lookAndLearn(Buffer.from(mutatedText([Buffer.from(text)], random)).toString());
  }
  const { foundCount, brokenCount } = ways;
  assert.ok(foundCount > 1000 && brokenCount > 10, `${foundCount} found, ${brokenCount} of them broken`);
  context.diagnostic(`figures: seed ${seed}, ${foundCount} found by their pattern, ${brokenCount} of them broken`);
});

test("a good message that is cut, or has another byte anywhere, is found as it is read", () => {
  for (const behind of ["", ',"key":"a:12"']) {
    const good = usual(18, '[{"message":"a, \\"b\\" [c]","fields":{"key":"d","list":[1,[2]]}}]', behind);
    const ways = new BothWays();
    for (let at = 0; at <= good.length; at++) {
      ways.lookAndLearn(good);
      ways.lookAndLearn(good.slice(0, at));
      for (const other of '"\\]}[{,: 0x\0') {
        ways.lookAndLearn(good);
        ways.lookAndLearn(good.slice(0, at) + other + good.slice(at));
        ways.lookAndLearn(good);
        ways.lookAndLearn(good.slice(0, at) + other + good.slice(at + 1));
      }
    }
    assert.ok(ways.foundCount > 1000 && ways.brokenCount > 10);
  }
});
