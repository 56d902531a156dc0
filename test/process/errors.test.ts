/** Bad input of every kind: the stated error, nothing of the batch stored, the server goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { LogPage, SessionObject } from "#src/wire/api.ts";
import type { CallOptions } from "../harness/http.ts";
import { freshSessionId } from "../harness/random.ts";
import { sharedServer } from "../harness/server.ts";

const server = sharedServer({ flags: ["--log-level", "error", "--body-limit", "1MiB"] });
const json = "application/json";
const ndjson = "application/x-ndjson";

interface Case {
  readonly name: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body: string | Uint8Array;
  readonly status: number;
  readonly code: string;
  /** More members of the error, as far as they are stated. */
  readonly more?: Readonly<Record<string, unknown>>;
}

const good = '{"message":"good"}';
const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
const badUtf8 = Buffer.concat([Buffer.from("fine\nnot "), Buffer.from([0xff, 0xfe]), Buffer.from("\n")]);
const badJsonUtf8 = Buffer.concat([Buffer.from('[{"message":"a'), Buffer.from([0xc3, 0x28]), Buffer.from('"}]')]);
const manyFields = JSON.stringify({
  message: "m",
  fields: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`f${i}`, i])),
});

const cases: readonly Case[] = [
  { name: "no JSON at all", body: "{nope", status: 400, code: "invalid_json", more: { offset: 1 } },
  { name: "JSON cut off", body: `[${good},{"message":"cu`, status: 400, code: "invalid_json" },
  { name: "something behind the batch", body: `[${good}] x`, status: 400, code: "invalid_json" },
  { name: "two values", body: `${good}${good}`, status: 400, code: "invalid_json" },
  { name: "an empty body as JSON", body: "", status: 400, code: "invalid_json" },
  { name: "a number as batch", body: "5", status: 400, code: "invalid_batch" },
  { name: "entries that are no array", body: '{"entries":5}', status: 400, code: "invalid_batch" },
  { name: "an entry that is no object", body: `[${good},5]`, status: 400, code: "invalid_entry", more: { index: 1 } },
  {
    name: "an entry without a message",
    body: `[${good},{"level":"info"}]`,
    status: 400,
    code: "invalid_entry",
    more: { index: 1, field: "message" },
  },
  {
    name: "a message that is no text",
    body: '[{"message":{}}]',
    status: 400,
    code: "invalid_entry",
    more: { index: 0, field: "message" },
  },
  {
    name: "an unknown level",
    body: `[${good},${good},{"message":"m","level":"loud"}]`,
    status: 400,
    code: "invalid_entry",
    more: { index: 2, field: "level" },
  },
  {
    name: "an unreadable time",
    body: '[{"message":"m","timestamp":"yesterday"}]',
    status: 400,
    code: "invalid_entry",
    more: { index: 0, field: "timestamp" },
  },
  {
    name: "fields that are no object",
    body: '[{"format":"m","fields":[1]}]',
    status: 400,
    code: "invalid_entry",
    more: { field: "fields" },
  },
  { name: "more than 1,000 fields", body: `[${good},${manyFields}]`, status: 400, code: "invalid_entry", more: { index: 1 } },
  {
    name: "an entry over 256 KiB",
    body: `[${good},{"message":"${"x".repeat(256 * 1024)}"}]`,
    status: 413,
    code: "payload_too_large",
    more: { index: 1 },
  },
  { name: "JSON 10,000 deep as a batch", body: deep, status: 400, code: "invalid_json" },
  {
    name: "JSON 10,000 deep in fields",
    body: `[${good},{"message":"m","fields":{"deep":${deep}}}]`,
    status: 400,
    code: "invalid_entry",
    more: { index: 1 },
  },
  {
    name: "JSON 10,000 deep in a line",
    type: ndjson,
    body: `${good}\n{"message":"m","deep":${deep}}\n`,
    status: 400,
    code: "invalid_entry",
    more: { index: 1 },
  },
  { name: "a broken line", type: ndjson, body: `${good}\n{"message":\n${good}\n`, status: 400, code: "invalid_json" },
  { name: "text that is not UTF-8", type: "text/plain", body: badUtf8, status: 400, code: "invalid_utf8", more: { offset: 9 } },
  { name: "JSON that is not UTF-8", body: badJsonUtf8, status: 400, code: "invalid_utf8" },
  { name: "an unknown content type", type: "application/xml", body: "<a/>", status: 415, code: "unsupported_media_type" },
  { name: "no content type", type: "", body: good, status: 415, code: "unsupported_media_type" },
  {
    name: "an unknown content encoding",
    headers: { "content-encoding": "br" },
    body: good,
    status: 415,
    code: "unsupported_media_type",
  },
  { name: "gzip that is none", headers: { "content-encoding": "gzip" }, body: good, status: 400, code: "invalid_encoding" },
  {
    name: "gzip cut off",
    headers: { "content-encoding": "gzip" },
    body: gzipSync(`[${good}]`).subarray(0, 20),
    status: 400,
    code: "invalid_encoding",
  },
  {
    name: "gzip with a wrong checksum",
    headers: { "content-encoding": "gzip" },
    body: flipped(gzipSync(`[${good}]`), -6),
    status: 400,
    code: "invalid_encoding",
  },
  { name: "lz4 that is none", headers: { "content-encoding": "lz4" }, body: good, status: 400, code: "invalid_encoding" },
  {
    name: "a gzip bomb",
    headers: { "content-encoding": "gzip" },
    body: gzipSync(Buffer.alloc(70 * 1024 * 1024, 0x20)),
    status: 413,
    code: "payload_too_large",
    more: { limit: 64 * 1024 * 1024 },
  },
  {
    name: "a body over the limit",
    body: `[{"message":"${"x".repeat(1024 * 1024)}"}]`,
    status: 413,
    code: "payload_too_large",
    more: { limit: 1024 * 1024 },
  },
  {
    name: "a binary batch that is none",
    type: "application/x-flatbuffers",
    body: "not a table",
    status: 400,
    code: "invalid_batch",
  },
  { name: "an unknown ack", query: "?ack=maybe", body: good, status: 400, code: "invalid_query" },
  {
    name: "a key without a sequence",
    headers: { "idempotency-key": "producer" },
    body: good,
    status: 400,
    code: "invalid_query",
  },
  {
    name: "a key of a strange producer",
    headers: { "idempotency-key": "a b:1" },
    body: good,
    status: 400,
    code: "invalid_query",
  },
  {
    name: "a key with a long producer",
    headers: { "idempotency-key": `${"p".repeat(65)}:1` },
    body: good,
    status: 400,
    code: "invalid_query",
  },
  {
    name: "a key beyond 63 bits",
    headers: { "idempotency-key": "p:9223372036854775808" },
    body: good,
    status: 400,
    code: "invalid_query",
  },
];

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] as number) ^ 1;
  return copy;
}

for (const { name, type = json, headers = {}, query = "", body, status, code, more = {} } of cases) {
  test(`a batch is refused whole: ${name}`, async () => {
    const id = await server.session();
    const before = await server.append(id, [{ message: "before" }]);
    assert.equal(before.status, 200);
    const typed: Record<string, string> = type === "" ? {} : { "content-type": type };
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    const answer = await server.call("POST", `/sessions/${id}/log${query}`, { body: bytes, headers: { ...typed, ...headers } });
    assert.equal(answer.status, status, answer.text);
    const { error } = answer;
    assert.equal(error.code, code, answer.text);
    for (const [member, value] of Object.entries(more)) assert.deepEqual(Reflect.get(error, member), value, answer.text);
    assert.ok(error.message.length > 10 && error.message.endsWith("."), error.message);
    assert.equal(answer.headers["content-type"], "application/json");
    const after = await server.append(id, [{ message: "after" }]);
    assert.deepEqual(after.json(), { first: 2, cursor: 2, count: 1, ack: "written" });
    assert.deepEqual(
      (await server.readAll(id)).map((entry) => entry.message),
      ["before", "after"],
    );
  });
}

const someId = "66f000000000000000000001";
const routes: readonly (readonly [string, string, number, string, CallOptions?])[] = [
  ["GET", "/nothing", 404, "not_found"],
  ["GET", "/sessions/x/y/z/w", 404, "not_found"],
  ["GET", `/sessions/${someId}`, 404, "session_not_found"],
  ["GET", `/sessions/${someId}/log`, 404, "session_not_found"],
  ["GET", `/sessions/${someId}/log/stream`, 404, "session_not_found"],
  ["GET", `/sessions/${someId}/templates`, 404, "session_not_found"],
  ["GET", `/sessions/${someId}/readers`, 404, "session_not_found"],
  ["POST", `/sessions/${someId}/heartbeat`, 404, "session_not_found"],
  ["POST", `/sessions/${someId}/archive`, 404, "session_not_found"],
  ["POST", `/sessions/${someId}/restore`, 404, "session_not_found"],
  ["POST", `/sessions/${someId}/log`, 404, "session_not_found", { body: [] }],
  ["PUT", `/sessions/${someId}`, 404, "session_not_found", { body: {} }],
  ["DELETE", `/sessions/${someId}`, 404, "session_not_found"],
  ["GET", "/sessions/000000000000000000000000", 400, "invalid_session_id"],
  ["GET", "/sessions/66f0", 400, "invalid_session_id"],
  ["GET", "/sessions/66f00000000000000000000g", 400, "invalid_session_id"],
  ["GET", "/sessions/66f0000000000000000000010", 400, "invalid_session_id"],
  ["GET", "/sessions/..%2f..%2f..%2fetc%2fpasswd", 400, "invalid_session_id"],
  ["GET", "/sessions/..%2fsessions/log", 400, "invalid_session_id"],
  ["POST", "/sessions/%2e%2e%2fx/log", 400, "invalid_session_id", { body: [] }],
  ["POST", "/sessions/..%5c..%5cx", 400, "invalid_session_id", { body: {} }],
  ["DELETE", "/sessions/%00", 400, "invalid_session_id"],
  ["GET", "/sessions/?status=gone", 400, "invalid_query"],
  ["GET", "/sessions/?sort=color", 400, "invalid_query"],
  ["GET", "/sessions/?order=up", 400, "invalid_query"],
  ["GET", "/sessions/?limit=10001", 400, "invalid_query"],
  ["GET", "/sessions/?offset=-1", 400, "invalid_query"],
  ["POST", "/sessions/", 405, "method_not_allowed", { body: {} }],
  ["GET", "/sessions/?parent=66f0", 400, "invalid_session_id"],
  ["PUT", "/sessions/list", 405, "method_not_allowed", { body: {} }],
  ["DELETE", "/sessions/ws", 405, "method_not_allowed"],
  ["POST", "/prune?dry_run=1", 400, "invalid_query"],
  ["DELETE", "/metrics", 405, "method_not_allowed"],
  ["POST", "/healthz", 405, "method_not_allowed", { body: {} }],
  ["PATCH", `/sessions/${someId}`, 405, "method_not_allowed", { body: {} }],
  ["DELETE", `/sessions/${someId}/log`, 405, "method_not_allowed"],
  ["GET", "/prune", 405, "method_not_allowed"],
  ["GET", "/healthz", 403, "forbidden", { headers: { host: "evil.example" } }],
  ["POST", `/sessions/${someId}/log`, 403, "forbidden", { headers: { host: "evil.example" }, body: [] }],
];

for (const [method, path, status, code, options] of routes) {
  test(`${method} ${path} answers ${status} ${code}`, async () => {
    const answer = await server.call(method, path, options);
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.error.code, code);
    if (status === 405) assert.match(String(answer.headers["allow"]), /^[A-Z]+(, [A-Z]+)*$/);
  });
}

test("the verbs of a path are named when another is tried", async () => {
  assert.equal((await server.call("DELETE", `/sessions/${someId}/log`)).headers["allow"], "GET, POST");
  assert.equal((await server.call("PATCH", `/sessions/${someId}`, { body: {} })).headers["allow"], "GET, POST, PUT, DELETE");
});

test("reads with bad parameters are refused with the parameter's name", async () => {
  const id = await server.session();
  const bad = ["cursor=-1", "cursor=x", "limit=10001", "limit=1.5", "tail=99999", "before=", "offset=1e3", "wait=30001&cursor=0"];
  bad.push("level=loud", "since=noon", "until=2026-13-01", "format=xml", "cursor=1&tail=2", "wait=5");
  for (const query of bad) {
    const answer = await server.call("GET", `/sessions/${id}/log?${query}`);
    assert.equal(answer.status, 400, `${query}: ${answer.text}`);
    assert.equal(answer.error.code, "invalid_query", query);
    assert.match(answer.error.message, new RegExp(query.split("=")[0] as string), query);
  }
});

test("members named __proto__ are fields like others and reach no prototype", async () => {
  const id = await server.session();
  const line = '{"message":"m","__proto__":{"polluted":1},"fields":{"__proto__":{"polluted":2},"constructor":3}}';
  const answer = await server.call("POST", `/sessions/${id}/log`, { body: line });
  assert.equal(answer.status, 200, answer.text);
  const text = (await server.call("GET", `/sessions/${id}/log`)).text;
  assert.match(text, /"__proto__":\{"polluted":[12]\}/);
  assert.match(text, /"constructor":3/);
  const page = await server.call("GET", "/sessions/");
  assert.equal(Reflect.get(page.json<object>(), "polluted"), undefined);
  const session = await server.call("POST", `/sessions/${freshSessionId()}`, {
    body: '{"metadata":{"__proto__":{"polluted":3},"a":1}}',
  });
  assert.equal(session.status, 201, session.text);
  const other = (await server.call("POST", `/sessions/${freshSessionId()}`)).json<SessionObject>();
  assert.equal(Reflect.get(other.metadata, "polluted"), undefined);
});

test("bodies of control requests are checked and leave no session behind", async () => {
  const bad: readonly (readonly [string | Uint8Array, number, string])[] = [
    ["{nope", 400, "invalid_json"],
    ["[1]", 400, "invalid_batch"],
    ['{"pid":-1}', 400, "invalid_batch"],
    ['{"pid":"12"}', 400, "invalid_batch"],
    ['{"appname":5}', 400, "invalid_batch"],
    [JSON.stringify({ appname: "a".repeat(257) }), 400, "invalid_batch"],
    ['{"parent_session_id":"66f0"}', 400, "invalid_session_id"],
    ['{"metadata":[1]}', 400, "invalid_batch"],
    [JSON.stringify({ metadata: { text: "m".repeat(64 * 1024) } }), 413, "payload_too_large"],
    [JSON.stringify({ ignored: "i".repeat(200_000) }), 413, "payload_too_large"],
    [`{"metadata":{"deep":${deep}}}`, 400, "invalid_batch"],
    [Buffer.concat([Buffer.from('{"appname":"'), Buffer.from([0xff]), Buffer.from('"}')]), 400, "invalid_utf8"],
  ];
  for (const [body, status, code] of bad) {
    const id = freshSessionId();
    const answer = await server.call("POST", `/sessions/${id}`, { body });
    assert.equal(answer.status, status, `${String(body).slice(0, 60)}: ${answer.text.slice(0, 200)}`);
    assert.equal(answer.error.code, code, `${String(body).slice(0, 60)}: ${answer.text}`);
    assert.equal((await server.call("GET", `/sessions/${id}`)).status, 404);
  }
});

test("an append to a session that has ended is refused and says how to go on", async () => {
  const id = await server.session();
  await server.call("DELETE", `/sessions/${id}`);
  const answer = await server.append(id, [{ message: "late" }]);
  assert.equal(answer.status, 409);
  assert.equal(answer.error.code, "session_ended");
  assert.equal((await server.call("GET", `/sessions/${id}`)).json<SessionObject>().head, 1);
});

test("a session is created by an append only when it is asked for, with members that are usable", async () => {
  const id = freshSessionId();
  const made = await server.append(id, [{ message: "first" }], "?create=true&appname=maker&mode=M&platform=P&jobid=j");
  assert.deepEqual(made.json(), { first: 1, cursor: 1, count: 1, ack: "written" });
  const session = (await server.call("GET", `/sessions/${id}`)).json<SessionObject>();
  assert.deepEqual([session.appname, session.mode, session.platform, session.jobid], ["maker", "M", "P", "j"]);
  const page = (await server.call("GET", `/sessions/${id}/log`)).json<LogPage>();
  assert.deepEqual(
    page.entries.map((entry) => entry.message),
    ["first"],
  );
  const bad = {
    "pid=x": "invalid_query",
    "parent_session_id=66f0": "invalid_session_id",
    [`mode=${"m".repeat(257)}`]: "invalid_query",
  };
  for (const [member, code] of Object.entries(bad)) {
    const unmade = freshSessionId();
    assert.equal((await server.append(unmade, [{ message: "m" }], `?create=true&${member}`)).error.code, code, member);
    assert.equal((await server.call("GET", `/sessions/${unmade}`)).status, 404);
  }
});

test("after all of this the server is well", async () => {
  assert.equal((await server.call("GET", "/healthz")).status, 200);
  assert.equal((await server.call("GET", "/readyz")).status, 200);
  const stats = (await server.call("GET", "/stats/sessions")).json<{ shards: { restarts: number; slab_bytes: number }[] }>();
  assert.deepEqual(
    stats.shards.map((shard) => shard.restarts),
    stats.shards.map(() => 0),
  );
  assert.ok(
    stats.shards.every((shard) => shard.slab_bytes <= 64 * 1024),
    "bodies of refused batches are let go",
  );
});
