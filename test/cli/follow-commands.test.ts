import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, type Run, useServer } from "./processes.ts";

const bench = useServer();

const lineCount = (run: Run) => linesOf(run.stdout).length;
const messagesOf = (stdout: string) => linesOf(stdout).map((line) => line.replace(/^\[.*?\] /, ""));
const numbered = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `n ${from + index}`);

for (const way of [[], ["--poll", "--interval-ms", "20"]]) {
  const name = way.length === 0 ? "over the WebSocket" : "by polling";

  test(`tail -f ${name} prints what is there and what comes, and ends with the session`, async () => {
    const id = await bench.session(numbered(1, 5));
    const run = bench.begin(["tail", id, "-f", "-n", "3", ...way]);
    await run.until(() => lineCount(run) === 3);
    await bench.append(id, numbered(6, 8));
    await run.until(() => lineCount(run) === 6);
    await bench.client.endSession(id);
    const { code, stdout, stderr } = await run.result();
    assert.equal(code, 0);
    assert.equal(stderr, "(session ended)\n");
    assert.deepEqual(messagesOf(stdout), [...numbered(3, 8), "[inf] [sessions] Session ended: client request"]);
  });

  test(`tail -f ${name} survives a restart of the server and prints nothing twice`, async () => {
    const id = await bench.session(numbered(1, 50));
    const run = bench.begin(["tail", id, "-f", "-n", "100", ...way]);
    await run.until(() => lineCount(run) === 50);
    await bench.append(id, numbered(51, 60));
    await bench.kill();
    await run.until(({ stderr }) => stderr.includes("connection lost"));
    await bench.restart();
    await run.until(({ stderr }) => stderr.includes("waiting for its program"));
    await bench.client.openSession(id, {});
    await bench.append(id, numbered(61, 70));
    await bench.client.endSession(id);
    const { code, stdout, stderr } = await run.result();
    assert.equal(code, 0);
    assert.deepEqual(messagesOf(stdout), [
      ...numbered(1, 60),
      "[inf] [sessions] Session ended: server restart",
      "[inf] [sessions] Session resumed",
      ...numbered(61, 70),
      "[inf] [sessions] Session ended: client request",
    ]);
    assert.match(stderr, /connected again/);
    assert.match(stderr, /session resumed/);
    assert.ok(stderr.endsWith("(session ended)\n"));
  });

  test(`tail -f ${name} gives up on a server that is gone, which is no failure`, async () => {
    const id = await bench.session(["a"]);
    const run = bench.begin(["tail", id, "-f", "--gone-after", "300ms", ...way]);
    await run.until(() => lineCount(run) === 1);
    await bench.kill();
    const { code, stderr } = await run.result();
    await bench.restart();
    assert.equal(code, 0);
    assert.match(stderr, /connection lost/);
    assert.ok(stderr.endsWith("(server gone)\n"));
  });
}

test("tail -f filters what comes, and prints JSON", async () => {
  const id = await bench.session([]);
  const run = bench.begin(["tail", id, "-f", "--level", "warn", "--grep", "DISK", "--json"]);
  await bench.append(id, [
    { level: "error", message: "disk full" },
    { level: "info", message: "disk fine" },
    { level: "error", message: "net down" },
  ]);
  await run.until(() => lineCount(run) === 1);
  await bench.append(id, [{ level: "warn", message: "a disk again" }]);
  await run.until(() => lineCount(run) === 2);
  await bench.client.endSession(id);
  const { code, stdout } = await run.result();
  assert.equal(code, 0);
  const messages = linesOf(stdout).map((line) => (JSON.parse(line) as { message: string }).message);
  assert.deepEqual(messages, ["disk full", "a disk again"]);
});

test("tail -f of a session that has ended prints it and ends", async () => {
  const id = await bench.session(["a"]);
  await bench.client.endSession(id);
  for (const way of [[], ["--poll"]]) {
    const { code, stdout, stderr } = await bench.run(["tail", id, "-f", ...way]);
    assert.deepEqual([code, stderr], [0, "(session ended)\n"]);
    assert.equal(linesOf(stdout).length, 2);
  }
});

test("Ctrl-C ends a follow with 130, and says nothing", async () => {
  const id = await bench.session(["a"]);
  const run = bench.begin(["tail", id, "-f"]);
  await run.until(() => lineCount(run) === 1);
  run.kill("SIGINT");
  const { code, stderr } = await run.result();
  assert.deepEqual([code, stderr], [130, ""]);
});

test("a server that is not there at the start is a failure", async () => {
  const { code, stderr } = await bench.run(["tail", "-f", "--url", "http://127.0.0.1:1"]);
  assert.equal(code, 1);
  assert.match(stderr, /cannot reach/);
});
