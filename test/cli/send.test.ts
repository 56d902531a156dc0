import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, type Result, type RunOptions, useServer } from "./processes.ts";

const bench = useServer();

async function send(args: readonly string[], options: RunOptions): Promise<Result & { id: string }> {
  const result = await bench.run(["send", ...args], options);
  return { ...result, id: linesOf(result.stderr)[0] ?? "" };
}

async function entriesOf(id: string) {
  const { entries } = await bench.client.readPage(id, {});
  return entries.filter((entry) => entry.logger !== "sessions");
}

async function messagesOf(id: string): Promise<string[]> {
  return (await entriesOf(id)).map((entry) => entry.message);
}

test("send makes a session, says its id on standard error, and ends it at the end of input", async () => {
  const { code, stdout, id } = await send(["--app", "make", "--mode", "release", "--level", "warn", "--logger", "gcc"], {
    input: "one\r\n\ntwo \r x\nlast without end",
  });
  assert.deepEqual([code, stdout], [0, ""]);
  const session = await bench.client.getSession(id);
  assert.deepEqual([session.appname, session.mode, session.status], ["make", "release", "ended"]);
  assert.deepEqual(await messagesOf(id), ["one", "two \r x", "last without end"]);
  const [entry] = await entriesOf(id);
  assert.deepEqual([entry?.level, entry?.logger], ["warn", "gcc"]);
});

test("send --keep leaves the session active, and a named active session is nobody's to end", async () => {
  const { id } = await send(["--keep"], { input: "a\n" });
  assert.equal((await bench.client.getSession(id)).status, "active");
  const second = await bench.run(["send", id.slice(0, 22), "--json"], { input: "b\n" });
  assert.equal(second.stderr, "");
  assert.deepEqual(JSON.parse(second.stdout), { session: id, count: 1, cursor: 2 });
  assert.equal((await bench.client.getSession(id)).status, "active");
  assert.deepEqual(await messagesOf(id), ["a", "b"]);
});

test("send into an unknown or ended session makes or re-opens it, and ends it", async () => {
  const id = "77aa00000000000000000001";
  for (const text of ["first", "second"]) {
    assert.equal((await bench.run(["send", id], { input: `${text}\n` })).code, 0);
    assert.equal((await bench.client.getSession(id)).status, "ended");
  }
  assert.deepEqual(await messagesOf(id), ["first", "second"]);
});

test("a line is sent before the next one comes", async () => {
  const id = await bench.session([]);
  const run = bench.begin(["send", id, "--linger-ms", "10"], { openInput: true });
  run.child.stdin?.write("early\nhalf a li");
  const page = await bench.client.readPage(id, { cursor: 0, wait: 20_000 });
  assert.deepEqual(
    page.entries.map((entry) => entry.message),
    ["early"],
  );
  run.child.stdin?.end("ne");
  assert.equal((await run.result()).code, 0);
  assert.deepEqual(await messagesOf(id), ["early", "half a line"]);
});

test("NDJSON goes as it is; lines that are no entries go as plain text and are told", async () => {
  const lines = [
    '{"level":30,"time":1795168800123,"pid":1,"msg":"pino line","req":{"id":12345678901234567890}}',
    "",
    "Error: no json at all",
    '{"message":"fine"}',
    '{"message":42}',
    '{"message":"cut',
    '  {"format":"took {ms} ms","fields":{"ms":5}}  ',
  ];
  const { code, stderr, id } = await send(["--format", "ndjson"], { input: `${lines.join("\n")}\n` });
  assert.equal(code, 0);
  assert.deepEqual(await messagesOf(id), ["pino line", lines[2], "fine", lines[4], lines[5], "took 5 ms"]);
  assert.match(stderr, /line 5 sent as plain text: /);
  assert.match(stderr, /3 lines were no entries/);
  const text = await bench.output(["export", id]);
  assert.match(text, /12345678901234567890/);
});

test("text that is not UTF-8 is kept as far as it can be read, and told", async () => {
  const { code, stderr, id } = await send([], { input: Buffer.from([0x61, 0xff, 0x62, 0x0a, 0x63, 0x0a]) });
  assert.equal(code, 0);
  assert.deepEqual(await messagesOf(id), ["a\ufffdb", "c"]);
  assert.match(stderr, /1 lines? w.* not UTF-8/);
});

test("an overlong line comes in pieces, whole together", async () => {
  const line = "夜x".repeat(200_000);
  const { code, id } = await send([], { input: `${line}\nnext\n` });
  assert.equal(code, 0);
  const messages = await messagesOf(id);
  assert.equal(messages.slice(0, -1).join(""), line);
  assert.equal(messages.at(-1), "next");
});

test("a hundred thousand lines arrive once and in order, also over a restart of the server", async () => {
  const run = bench.begin(["send", "--app", "long", "--batch", "500"], { openInput: true });
  await run.until(({ stderr }) => stderr.includes("\n"));
  const id = linesOf(run.stderr)[0] ?? "";
  const input = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join("");
  run.child.stdin?.write(input(0, 50_000));
  await bench.client.readPage(id, { cursor: 0, wait: 20_000 });
  await bench.restart();
  run.child.stdin?.end(input(50_000, 100_000));
  const { code } = await run.result();
  assert.equal(code, 0);
  let next = 0;
  for await (const page of bench.client.readPages(id)) {
    for (const entry of page.entries) {
      if (entry.logger !== "sessions") assert.equal(entry.message, `line ${next++}`);
    }
  }
  assert.equal(next, 100_000);
});

test("Ctrl-C stores what was read, ends the session, and is 130", async () => {
  const run = bench.begin(["send", "--linger-ms", "60000"], { openInput: true });
  await run.until(({ stderr }) => stderr.includes("\n"));
  const id = linesOf(run.stderr)[0] ?? "";
  run.child.stdin?.write("read before\n");
  await new Promise((resolve) => run.child.stdin?.write("", resolve));
  run.kill("SIGINT");
  const { code } = await run.result();
  assert.equal(code, 130);
  assert.equal((await bench.client.getSession(id)).status, "ended");
});

test("a server that stays away makes send fail after the time it was given", async () => {
  const run = bench.begin(["send", "--retry-for", "300ms"], { openInput: true });
  await run.until(({ stderr }) => stderr.includes("\n"));
  await bench.kill();
  run.child.stdin?.end("lost\n");
  const { code, stderr } = await run.result();
  await bench.restart();
  assert.equal(code, 1);
  assert.match(stderr, /cannot reach/);
});
