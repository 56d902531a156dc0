import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#src/base/bytes.ts";
import { limits } from "#src/config.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { bodyKind, bodyKindOf } from "#src/wire/body-kind.ts";
import { decodeIn, entriesIn, gist, plainRenderer, refusalIn, rowsOf } from "./decoding.ts";

const { json, ndjson, text } = bodyKind;

function texts(kind: number, body: string): string[] {
  return entriesIn(kind, body).map((entry) => entry.text);
}

function refused(kind: number, body: string | Uint8Array): object {
  return gist(refusalIn(kind, body));
}

const a = '{"message":"a"}';
const b = '{"message":"b"}';

test("content types name the forms, whatever their parameters and case", () => {
  assert.equal(bodyKindOf("application/json"), json);
  assert.equal(bodyKindOf("Application/JSON; charset=utf-8"), json);
  for (const type of ["application/x-ndjson", "application/jsonl", "application/stream+json"])
    assert.equal(bodyKindOf(type), ndjson);
  assert.equal(bodyKindOf("text/plain;charset=UTF-8"), text);
  assert.equal(bodyKindOf("application/x-flatbuffers"), bodyKind.flatbuffers);
  for (const type of ["", "application/xml", "text/plainer", "json"]) assert.equal(bodyKindOf(type), undefined);
});

test("a JSON body is an entry, an array of entries or a wrapper of one", () => {
  assert.deepEqual(texts(json, a), ["a"]);
  assert.deepEqual(texts(json, `[${a},${b}]`), ["a", "b"]);
  assert.deepEqual(texts(json, ` [ ${a} , ${b} ] \n`), ["a", "b"]);
  assert.deepEqual(texts(json, `{"entries":[${a},${b}]}`), ["a", "b"]);
  assert.deepEqual(texts(json, `{"type":"append","ref":[{}],"entries":[${a}],"key":null}`), ["a"]);
  assert.deepEqual(texts(json, `{"\\u0065ntries":[${a}]}`), ["a"]);
  assert.deepEqual(texts(json, "[]"), []);
  assert.deepEqual(texts(json, '{"entries":[]}'), []);
  assert.deepEqual(texts(json, '{"entries":[],"message":null}'), []);
});

test("of two members entries the last is the batch", () => {
  assert.deepEqual(texts(json, `{"entries":[${a}],"entries":[${b}]}`), ["b"]);
  assert.deepEqual(texts(json, `{"entries":[1],"entries":[${b}]}`), ["b"]);
  assert.deepEqual(refused(json, `{"entries":[${b}],"entries":[1]}`), { code: "invalid_entry", index: 0 });
  assert.deepEqual(texts(json, `{"entries":[1],"entries":2,"x":3,"entries":[${a},${b}]}`), ["a", "b"]);
  assert.deepEqual(refused(json, `{"entries":[${b}],"entries":3}`), { code: "invalid_batch" });
  assert.deepEqual(refused(json, `{"entries":[${b}],"entries":[}}`), { code: "invalid_json", offset: 40 });
});

test("entries beside a text is a field like any other", () => {
  for (const name of ["message", "msg"]) {
    const [entry] = entriesIn(json, `{"entries":[${a},${b}],"${name}":"m"}`);
    assert.deepEqual([entry?.text, entry?.fields], ["m", `{"entries":[${a},${b}]}`]);
  }
  const structured = `{"entries":[{"format":"{other}"},1],"format":"{x}","fields":{"x":1}}`;
  const [entry, ...more] = entriesIn(json, structured);
  assert.deepEqual([entry?.text, entry?.template, entry?.fields], ["1", "{x}", '{"x":1,"entries":[{"format":"{other}"},1]}']);
  assert.deepEqual(more, []);
});

test("a JSON body that is no batch is refused", () => {
  for (const body of ["1", '"a"', "null", "true", " -1.5e3 "]) assert.deepEqual(refused(json, body), { code: "invalid_batch" });
  assert.deepEqual(refused(json, '{"entries":{}}'), { code: "invalid_batch" });
  for (const item of ["1", '"a"', "null", "[]", `[${b}]`]) {
    assert.deepEqual(refused(json, `[${a},${item}]`), { code: "invalid_entry", index: 1 });
  }
  assert.deepEqual(refused(json, `[${a},{}]`), { code: "invalid_entry", index: 1, field: "message" });
});

test("what is not JSON is refused with the byte at which it stops being JSON", () => {
  const broken: [string, number][] = [
    ["", 0],
    ["  ", 2],
    ["[", 1],
    [`[${a}`, 16],
    [`[${a},`, 17],
    [`[${a},]`, 17],
    ["[,]", 1],
    [`[${a} ${b}]`, 17],
    [`${a},`, 15],
    [`${a}${b}`, 15],
    [`${a} x`, 16],
    [`[${a}]]`, 17],
    [`\ufeff${a}`, 0],
    ['{"message":"a",}', 15],
    ["{,}", 1],
    ["{message:1}", 1],
    ['{"message"}', 10],
    ['{"message" "a"}', 11],
    ['{"message":"a" "b":1}', 15],
    ['{"message":"a"', 14],
    ['{"message":"a', 13],
    ['{"message":"a\\', 13],
    ['{"message":"a\\x"}', 13],
    ['{"message":"a\\u12g4"}', 13],
    ['{"message":"a\\u"}', 13],
    ['{"message":"a\nb"}', 13],
    ['{"message":"a\tb"}', 13],
    ['{"message":"abc\u0000"}', 15],
    ['{"mess\nage":"a"}', 6],
    ["{'message':'a'}", 1],
    ['{"a":01}', 6],
    ['{"a":1.}', 7],
    ['{"a":.5}', 5],
    ['{"a":-}', 6],
    ['{"a":+1}', 5],
    ['{"a":1e}', 7],
    ['{"a":1e+}', 8],
    ['{"a":0x1}', 6],
    ['{"a":NaN}', 5],
    ['{"a":Infinity}', 5],
    ['{"a":tru}', 5],
    ['{"a":nul}', 5],
    ['{"a":True}', 5],
    ['{"a":truex}', 9],
    ['{"a":[1,]}', 8],
    ['{"a":[1 2]}', 8],
    ['{"a":[1}}', 7],
    ['{"a":{"b":1]}', 11],
    ['{"a":{"b"}}', 9],
    ['{"a":{1:2}}', 6],
    ['{"a":{"b":1,}}', 12],
    ['{"message":"a"/*c*/}', 14],
    ['{"message":"a"}\u0000', 15],
    ['{"message":nul}', 11],
  ];
  for (const [body, offset] of broken)
    assert.deepEqual(refused(json, body), { code: "invalid_json", offset }, JSON.stringify(body));
});

test("NDJSON has an entry a line; blank lines and the last line feed do not count", () => {
  assert.deepEqual(texts(ndjson, `${a}\n${b}`), ["a", "b"]);
  assert.deepEqual(texts(ndjson, `\n\r\n ${a}\r\n\n \t \n${b} \n\n`), ["a", "b"]);
  assert.deepEqual(texts(ndjson, '{"message":"a"\r,"x":"\\n"}\n'), ["a"]);
  assert.deepEqual(texts(ndjson, ""), []);
  assert.deepEqual(texts(ndjson, "\n \n"), []);
  const [entry] = entriesIn(ndjson, `{"message":"m","entries":[${a}]}`);
  assert.equal(entry?.fields, `{"entries":[${a}]}`);
});

test("an NDJSON line that is not one entry refuses the batch", () => {
  assert.deepEqual(refused(ndjson, `${a}\n[${b}]`), { code: "invalid_entry", index: 1 });
  assert.deepEqual(refused(ndjson, `${a}\n\n1\n`), { code: "invalid_entry", index: 1 });
  assert.deepEqual(refused(ndjson, `${a}\n{"x":1}\n`), { code: "invalid_entry", index: 1, field: "message" });
  assert.deepEqual(refused(ndjson, `${a}\nx`), { code: "invalid_json", offset: 16 });
  assert.deepEqual(refused(ndjson, `${a} ${b}`), { code: "invalid_json", offset: 16 });
  assert.deepEqual(refused(ndjson, `${a},\n${b}`), { code: "invalid_json", offset: 15 });
  assert.deepEqual(refused(ndjson, '{"message"\n:"a"}'), { code: "invalid_json", offset: 10 });
  assert.deepEqual(refused(ndjson, '{"message":"a",\n"b":1}'), { code: "invalid_json", offset: 15 });
  assert.deepEqual(refused(ndjson, '{"message":"a","b":[1,\n2]}'), { code: "invalid_json", offset: 22 });
  assert.deepEqual(refused(ndjson, "[1,\n2]"), { code: "invalid_json", offset: 3 });
});

test("text has an entry a line without its end; empty lines are skipped, a lone CR stays", () => {
  const body = "first\r\n\nsecond\n\r\nthi\rrd\r\r\n \nlast\r";
  assert.deepEqual(texts(text, body), ["first", "second", "thi\rrd\r", " ", "last\r"]);
  assert.deepEqual(texts(text, ""), []);
  assert.deepEqual(texts(text, "\n\r\n"), []);
  assert.deepEqual(texts(text, "\u0000\ufeffé😀"), ["\u0000\ufeffé😀"]);
  for (let size = 1; size < 12; size++) {
    const line = "x".repeat(size);
    assert.deepEqual(texts(text, `${line}\n${line}\r\n${line}`), [line, line, line]);
  }
});

test("bytes that are not UTF-8 are refused with the place of the first", () => {
  const bad: number[][] = [[0xff], [0xc3], [0xc0, 0x80], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]];
  for (const kind of [json, ndjson, text]) {
    for (const sequence of bad) {
      for (const size of [0, 5, 16_383, 16_384, 40_000]) {
        const body = Buffer.concat([utf8(`{"message":"é${"x".repeat(size)}`), Uint8Array.from(sequence), utf8('z"}')]);
        assert.deepEqual(refused(kind, body), { code: "invalid_utf8", offset: 14 + size });
      }
    }
  }
});

test("an entry over its limit is refused in every form", () => {
  const limit = 100;
  const how = { limits: { entrySizeBytesMax: limit } };
  const fitting = `{"message":"${"x".repeat(limit - 14)}"}`;
  assert.equal(fitting.length, limit);
  assert.equal(entriesIn(json, `[ ${a}, ${fitting}]`, how).length, 2);
  const large = [
    fitting.replace('"}', 'x"}'),
    fitting.replace("}", " }"),
    `{"message":"m","a":"${"x".repeat(limit)}"}`,
    `{"message":"m","a":[${" ".repeat(limit)}]}`,
    `{"message":"m","fields":{"a":${"1".repeat(limit)}}}`,
    `{"message":"m","${"x".repeat(limit)}":1}`,
    `{"message":"m","logger":"${"x".repeat(limit)}"}`,
    `{"format":"${"\\n".repeat(limit)}"}`,
  ];
  for (const body of large) {
    for (const [kind, form] of [[json, `[${a},${body}]`] as const, [ndjson, `${a}\n${body}`] as const]) {
      assert.deepEqual(gist(refusalIn(kind, form, how)), { code: "payload_too_large", index: 1, limit }, body);
    }
  }
  assert.equal(entriesIn(text, `a\n${"x".repeat(limit)}\r\n`, how).length, 2);
  assert.deepEqual(gist(refusalIn(text, `a\n${"x".repeat(limit + 1)}\n`, how)), { code: "payload_too_large", index: 1, limit });
  assert.equal(entriesIn(json, `{"message":"${"x".repeat(limits.entrySizeBytesMax - 14)}"}`).length, 1);
});

test("a thousand fields are taken, one more is refused", () => {
  const members = (count: number) => Array.from({ length: count }, (_, index) => `"f${index}":{"a":1}`).join(",");
  for (const wrap of [(text: string) => `{"message":"","fields":{${text}}}`, (text: string) => `{"message":"",${text}}`]) {
    assert.equal(entriesIn(json, wrap(members(limits.fieldCountMax))).length, 1);
    const refusal = { code: "invalid_entry", index: 0, field: "fields", limit: limits.fieldCountMax };
    assert.deepEqual(refused(json, wrap(members(limits.fieldCountMax + 1))), refusal);
  }
  assert.deepEqual(gist(refusalIn(json, `{"message":"","fields":{${members(600)}},${members(401)}}`)), {
    code: "invalid_entry",
    index: 0,
    field: "fields",
    limit: limits.fieldCountMax,
  });
});

test("nesting is taken up to its limit, whatever it is made of, and refused beyond without recursion", () => {
  const arrays = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  const inner = limits.jsonDepthMax - 1;
  for (const nested of [arrays, objects]) {
    assert.equal(entriesIn(json, `[{"message":"","x":${nested(inner)}}]`).length, 1);
    for (const depth of [inner + 1, 10_000]) {
      const refusal = { code: "invalid_entry", index: 0, field: "x", limit: limits.jsonDepthMax };
      assert.deepEqual(refused(json, `[{"message":"","x":${nested(depth)}}]`), refusal);
      assert.deepEqual(refused(json, `{"x":${nested(depth)},"message":""}`), refusal);
      assert.deepEqual(refused(ndjson, `{"message":"","x":${nested(depth)}}`), refusal);
    }
  }
  assert.deepEqual(refused(json, arrays(10_000)), { code: "invalid_json", offset: 33 });
  assert.deepEqual(refused(json, `{"entries":[${a},${arrays(10_000)}]}`), { code: "invalid_json", offset: 60 });
});

test("a batch whose columns pass their limit is refused", () => {
  const how = { limits: { columnsSizeBytesMax: 10_000 }, renderer: plainRenderer };
  const refusal = { code: "payload_too_large", limit: 10_000 };
  assert.deepEqual(gist(refusalIn(ndjson, `${a}\n`.repeat(400), how)), refusal);
  assert.deepEqual(gist(refusalIn(text, "a\n".repeat(400), how)), refusal);
  const format = `{"format":"${"x".repeat(1000)}"}`;
  assert.deepEqual(gist(refusalIn(json, `[${Array.from({ length: 20 }, () => format).join(",")}]`, how)), refusal);
});

test("a batch goes behind the entries that are there, and a refused one is rolled back", () => {
  const columns = new EntryColumns();
  assert.equal(decodeIn(columns, json, `[${a},{"message":"m","logger":"L","x":1}]`), undefined);
  const before = rowsOf(columns);
  const mark = columns.mark();
  assert.equal(decodeIn(columns, ndjson, '{"format":"{a}","logger":"M","a":1}\n{"message":1}')?.code, "invalid_entry");
  columns.rollback(mark);
  assert.deepEqual(rowsOf(columns), before);
  assert.equal(decodeIn(columns, text, "t"), undefined);
  assert.deepEqual(
    rowsOf(columns).map((entry) => entry.text),
    ["a", "m", "t"],
  );
});

test("a string of any size and offset is copied whole", () => {
  for (let size = 0; size < 40; size++) {
    const plain = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG".slice(0, size);
    for (const middle of ["", "\\n", "é", "\\u2713"]) {
      const literal = `"${plain}${middle}${plain}"`;
      const [entry] = entriesIn(json, `[${a.slice(0, -2)}${"b".repeat(size % 5)}"},{"message":${literal},"f":${literal}}]`).slice(
        1,
      );
      assert.equal(entry?.text, JSON.parse(literal));
      assert.equal(entry?.fields, `{"f":${literal}}`);
    }
  }
});
