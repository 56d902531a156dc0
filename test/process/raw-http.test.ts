/** What a socket can say beyond what HTTP clients let it: framing, cuts, pipelines; each on a connection of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshSessionId } from "../harness/random.ts";
import { RawConnection } from "../harness/raw.ts";
import { sharedServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const server = sharedServer({ flags: ["--log-level", "error", "--body-limit", "1MiB", "--workers", "1"] });

const entry = '{"message":"good"}';
const jsonType = "Content-Type: application/json\r\n";

function head(method: string, path: string, lines = ""): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n${lines}\r\n`;
}

function append(id: string, body: string, lines = jsonType): string {
  return head("POST", `/sessions/${id}/log`, `${lines}Content-Length: ${Buffer.byteLength(body)}\r\n`) + body;
}

async function headOf(id: string): Promise<number> {
  return ((await server.call("GET", `/sessions/${id}`)).json() as { head: number }).head;
}

async function slabBytes(): Promise<number> {
  const { shards } = (await server.call("GET", "/stats/sessions")).json<{ shards: { slab_bytes: number }[] }>();
  return shards.reduce((sum, shard) => sum + shard.slab_bytes, 0);
}

/** Runs `use` on a fresh connection with a fresh session, and checks afterwards that the server still answers. */
async function withConnection(use: (raw: RawConnection, id: string) => Promise<void>): Promise<void> {
  const id = await server.session();
  const raw = await RawConnection.open(server.port);
  try {
    await use(raw, id);
  } finally {
    raw.destroy();
  }
  assert.equal((await server.call("GET", "/healthz")).status, 200);
}

/** The connection takes a good batch and answers it. */
async function assertUsable(raw: RawConnection, id: string): Promise<void> {
  raw.send(append(id, entry));
  const answer = await raw.answer();
  assert.equal(answer?.status, 200, answer?.body);
}

test("a batch without a length is refused and the connection goes on", () =>
  withConnection(async (raw, id) => {
    raw.send(head("POST", `/sessions/${id}/log`, jsonType));
    const answer = await raw.answer();
    assert.equal(answer?.status, 411);
    assert.match(answer.body, /"code":"length_required"/);
    await assertUsable(raw, id);
    assert.equal(await headOf(id), 1);
  }));

test("a chunked batch is refused and its chunks are not taken for a request", () =>
  withConnection(async (raw, id) => {
    const chunks = `${entry.length.toString(16)}\r\n${entry}\r\n0\r\n\r\n`;
    raw.send(head("POST", `/sessions/${id}/log`, `${jsonType}Transfer-Encoding: chunked\r\n`) + chunks);
    const answer = await raw.answer();
    assert.equal(answer?.status, 411);
    raw.send(append(id, entry));
    const next = await raw.answer();
    // Going on or closing are both what HTTP allows; a third answer out of the chunks is not.
    if (next !== undefined) assert.equal(next.status, 200);
    else assert.ok(raw.isClosed);
    assert.equal(await headOf(id), next === undefined ? 0 : 1);
  }));

test("a batch with both a length and an encoding stores nothing", () =>
  withConnection(async (raw, id) => {
    const lines = `${jsonType}Content-Length: ${entry.length}\r\nTransfer-Encoding: chunked\r\n`;
    raw.send(head("POST", `/sessions/${id}/log`, lines) + entry);
    const answer = await raw.answer();
    assert.ok(answer === undefined || answer.status === 400 || answer.status === 411, answer?.body);
    assert.equal(await headOf(id), 0);
  }));

for (const length of ["abc", "-1", "+5", "1e3", "0x10", "5, 5", "99999999999999999999", ""]) {
  test(`a length of "${length}" stores nothing`, () =>
    withConnection(async (raw, id) => {
      raw.send(`${head("POST", `/sessions/${id}/log`, `${jsonType}Content-Length: ${length}\r\n`)}${entry}`);
      raw.socket.end();
      const answer = await raw.answer();
      // The library answers 505 to a head it can't read.
      if (answer !== undefined) assert.ok([400, 411, 413, 505].includes(answer.status), `${answer.head} ${answer.body}`);
      await raw.closed();
      assert.equal(await headOf(id), 0);
    }));
}

test("a body shorter than its length is never stored, wherever it is cut", async () => {
  const body = `[${entry},${entry}]`;
  const id = await server.session();
  const text = append(id, body);
  for (let end = text.length - body.length - 4; end < text.length; end += 3) {
    const raw = await RawConnection.open(server.port);
    raw.send(text.slice(0, end));
    await new Promise((resolve) => setImmediate(resolve));
    raw.destroy();
  }
  const whole = await RawConnection.open(server.port);
  await assertUsable(whole, id);
  whole.destroy();
  assert.equal(await headOf(id), 1);
  await until("room of cut bodies is free again", async () => (await slabBytes()) <= 64 * 1024);
});

test("a session that an append would create does not come to be when the body is cut", async () => {
  const id = freshSessionId();
  const raw = await RawConnection.open(server.port);
  const body = `[${entry},${entry}]`;
  const lines = `${jsonType}Content-Length: ${body.length}\r\n`;
  raw.send(head("POST", `/sessions/${id}/log?create=true&appname=cut`, lines) + body.slice(0, 20));
  await until(
    "its bytes are taken",
    async () => raw.socket.bytesWritten > 0 && (await server.call("GET", "/healthz")).status === 200,
  );
  raw.destroy();
  await until("the server noticed", async () => (await slabBytes()) <= 64 * 1024);
  assert.equal((await server.call("GET", `/sessions/${id}`)).status, 404);
});

test("a body longer than its length is a batch and rubbish behind it", () =>
  withConnection(async (raw, id) => {
    raw.send(`${append(id, entry)}rubbish that is no request\r\n\r\n`);
    // The rubbish may be found before the batch is answered; then the connection ends without that answer.
    const first = await raw.answer();
    const next = first?.status === 200 ? await raw.answer() : first;
    assert.ok(next === undefined || next.status >= 400, next?.head);
    await raw.closed();
    assert.ok((await headOf(id)) <= 1);
  }));

test("a body over the limit is refused before it comes, and the connection goes on behind it", () =>
  withConnection(async (raw, id) => {
    const size = 1024 * 1024 + 1;
    raw.send(head("POST", `/sessions/${id}/log`, `${jsonType}Content-Length: ${size}\r\n`));
    const answer = await raw.answer();
    assert.equal(answer?.status, 413);
    assert.match(answer.body, /"limit":1048576/);
    raw.send(Buffer.alloc(size, 0x20));
    await assertUsable(raw, id);
    assert.equal(await headOf(id), 1);
  }));

test("W3: a body that comes byte by byte is one batch", () =>
  withConnection(async (raw, id) => {
    const body = `[${entry},{"message":"ünïcödé ✓"}]`;
    const bytes = Buffer.from(append(id, body));
    // The library wants the request line in one piece.
    const line = bytes.indexOf("\r\n") + 2;
    raw.send(bytes.subarray(0, line));
    for (const byte of bytes.subarray(line)) {
      raw.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answer = await raw.answer();
    assert.deepEqual(JSON.parse(answer?.body ?? ""), { first: 1, cursor: 2, count: 2, ack: "written" });
    assert.deepEqual(
      (await server.readAll(id)).map((read) => read.message),
      ["good", "ünïcödé ✓"],
    );
  }));

test("every refusal leaves a connection that takes the next batch", () =>
  withConnection(async (raw, id) => {
    const refused = [
      append(id, "{nope"),
      append(id, `[${entry},5]`),
      append(id, entry, "Content-Type: application/xml\r\n"),
      append(id, entry, `${jsonType}Content-Encoding: br\r\n`),
      append(id, entry, `${jsonType}Idempotency-Key: x\r\n`),
      append("00", entry),
      append("66f000000000000000000001", entry),
      append(`${id}%2f..`, entry),
      head("DELETE", `/sessions/${id}/log`),
      head("GET", "/nowhere"),
      head("GET", `/sessions/${id}/log?limit=x`),
      head("POST", `/sessions/${freshSessionId()}`, "Content-Length: 5\r\n").concat("{nope"),
      head("PUT", `/sessions/${id}`, "Content-Length: 5\r\n").concat("{nope"),
    ];
    for (const [index, request] of refused.entries()) {
      raw.send(request);
      const answer = await raw.answer();
      assert.ok((answer?.status ?? 0) >= 400, `${request}: ${answer?.head}`);
      assert.doesNotMatch(answer?.head ?? "", /connection: close/i);
      await assertUsable(raw, id);
      assert.equal(await headOf(id), index + 1);
    }
  }));

const heads = [
  ["/healthz", 200],
  ["/sessions/", 200],
  ["/dashboard/", 200],
  ["/sessions/66f000000000000000000001/log", 404],
  ["/nowhere", 404],
  ["/prune", 405],
] as const;
for (const [path, status] of heads) {
  test(`HEAD ${path} is answered ${status} without a body, and the next answer is not lost`, () =>
    withConnection(async (raw) => {
      raw.send(head("HEAD", path));
      assert.equal((await raw.answer(true))?.status, status);
      raw.send(head("GET", "/readyz"));
      assert.equal((await raw.answer())?.status, 200);
    }));
}

test("HEAD on a stream of events ends at once", () =>
  withConnection(async (raw, id) => {
    raw.send(head("HEAD", `/sessions/${id}/log/stream?cursor=0`));
    const answer = await raw.answer(true);
    assert.match(answer?.head ?? "", /content-type: text\/event-stream/i);
    raw.send(head("GET", "/readyz"));
    assert.equal((await raw.answer())?.status, 200);
  }));

test("a control request without a body is one with an empty body", () =>
  withConnection(async (raw) => {
    const id = freshSessionId();
    raw.send(head("POST", `/sessions/${id}`));
    const made = await raw.answer();
    assert.equal(made?.status, 201, made?.body);
    raw.send(head("POST", `/sessions/${id}`, "Content-Length: 0\r\n"));
    assert.equal((await raw.answer())?.status, 200);
  }));

test("a control request may be chunked", () =>
  withConnection(async (raw) => {
    const id = freshSessionId();
    const body = '{"appname":"chunked"}';
    const chunks = [body.slice(0, 7), body.slice(7)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
    raw.send(`${head("POST", `/sessions/${id}`, "Transfer-Encoding: chunked\r\n")}${chunks}0\r\n\r\n`);
    const made = await raw.answer();
    assert.equal(made?.status, 201, made?.body);
    assert.match(made.body, /"appname":"chunked"/);
  }));

test("batches pipelined on one connection are stored once each and in order, as far as they are answered", () =>
  withConnection(async (raw, id) => {
    raw.send(Array.from({ length: 20 }, (_, index) => append(id, `{"message":"p${index}"}`)).join(""));
    let answered = 0;
    for (let index = 0; index < 20; index++) {
      const answer = await raw.answer();
      if (answer === undefined) break;
      assert.equal(answer.status, 200, answer.body);
      assert.equal((JSON.parse(answer.body) as { first: number }).first, index + 1);
      answered++;
    }
    const messages = (await server.readAll(id)).map((read) => read.message);
    assert.deepEqual(
      messages,
      messages.map((_, index) => `p${index}`),
    );
    assert.ok(messages.length >= answered && messages.length >= 1, `${answered} answered, ${messages.length} stored`);
  }));

test("a client that waits for 100 Continue gets its answer", () =>
  withConnection(async (raw, id) => {
    const lines = `${jsonType}Content-Length: ${entry.length}\r\nExpect: 100-continue\r\n`;
    raw.send(head("POST", `/sessions/${id}/log`, lines));
    raw.send(entry);
    let answer = await raw.answer();
    if (answer?.status === 100) answer = await raw.answer();
    assert.equal(answer?.status, 200);
  }));

const rubbish: readonly (readonly [string, string])[] = [
  ["no HTTP", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\r\n\r\n"],
  ["no version", "GET /healthz\r\n\r\n"],
  ["an old version", "GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"],
  ["no host", "GET /healthz HTTP/1.1\r\n\r\n"],
  ["a head without end", `GET /healthz HTTP/1.1\r\nX: ${"x".repeat(70_000)}`],
  ["many headers", `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n${"A: b\r\n".repeat(5000)}\r\n`],
  ["a space in a name", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Name: 1\r\n\r\n"],
  ["a folded header", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: 1\r\n 2\r\n\r\n"],
  ["a null in the path", "GET /health\u0000z HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"],
  [
    "a broken chunk",
    "POST /sessions/66f000000000000000000009 HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
  ],
  [
    "a huge chunk",
    "POST /sessions/66f000000000000000000009 HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n\r\n",
  ],
];

for (const [name, text] of rubbish) {
  test(`a connection that sends ${name} harms nobody`, () =>
    withConnection(async (raw) => {
      raw.send(Buffer.from(text, "latin1"));
      raw.socket.end();
      const answer = await raw.answer();
      if (answer !== undefined && answer.status >= 500) assert.equal(answer.status, 505, answer.head);
      raw.destroy();
      assert.equal((await server.call("GET", "/sessions/66f000000000000000000009")).status, 404);
    }));
}
