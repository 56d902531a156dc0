/** Size and speed in a real browser: a million entries end to end, twenty thousand a second, a restart in between. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { sharedServer, TestServer } from "../harness/server.ts";
import { sharedBrowser } from "./browser.ts";
import { ndjson, plainEntries } from "./entries.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });
const open = sharedBrowser();

/** Elements that the list may have; a row has eight. */
const elementCountMax = 900;
const rowCountMax = 120;

/** Returns a free port that no outgoing connection is given: a browser that tries again could be connected to itself. */
async function quietPort(): Promise<number> {
  for (let port = 20_000 + (process.pid % 10_000); ; port++) {
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (isFree) return new Promise((resolve) => probe.close(() => resolve(port)));
  }
}

function send(to: TestServer, id: string, count: number, from: number) {
  const body = ndjson(plainEntries(count, from));
  return to.call("POST", `/sessions/${id}/log`, { body, headers: { "content-type": "application/x-ndjson" } });
}

test("a million entries scroll from end to end with a few rows in the document", async (t: TestContext) => {
  const id = await server.session({ appname: "Million" });
  for (let batch = 0; batch < 50; batch++) await send(server, id, 20_000, batch * 20_000 + 1);
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 1_000_000);
  await reader.ask("probe.longTasks.length = 0");
  let elements = 0;
  let rowElements = 0;
  for (let step = 20; step >= 0; step--) {
    await reader.ask(`probe.scrollTo(${step / 20})`);
    const wanted = 1 + (step / 20) * 999_999;
    const rows = await reader.rowsUntil(
      `entries near ${wanted}`,
      (shown) => shown.length > 8 && Math.abs(shown[4]!.seq - wanted) < 12_000,
    );
    for (const [index, row] of rows.entries()) if (index > 0) assert.equal(row.seq, rows[index - 1]!.seq + 1);
    elements = Math.max(elements, await reader.ask<number>("probe.elementCount()"));
    rowElements = Math.max(rowElements, await reader.ask<number>("probe.rowCount()"));
  }
  await reader.rowsUntil("the very first", (rows) => rows[0]?.seq === 1 && rows[0].y === 0);
  await reader.ask("probe.sweep(400, 120)");
  // 48,000 px of rows, less what a frame that came late swallowed; what counts is that rows are there where the sweep ended.
  await reader.rowsUntil("loaded rows", (rows) => rows.length > 8 && rows[0]!.seq > 1000 && rows[0]!.seq < 2400);
  const longTasks = await reader.ask<number[]>("probe.longTasks");
  t.diagnostic(
    `${elements} elements and ${rowElements} rows in the list at most; longest task ${Math.max(0, ...longTasks)} ms, ${longTasks.length} over 50 ms`,
  );
  assert.ok(elements <= elementCountMax, `${elements} elements`);
  assert.ok(rowElements <= rowCountMax, `${rowElements} rows`);
});

test("twenty thousand entries a second leave the page responsive, followed and paused", async (t: TestContext) => {
  const id = await server.session({ appname: "Live" });
  await send(server, id, 100, 1);
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.rowsUntil("the start", (rows) => rows.at(-1)?.seq === 100);
  await reader.ask("probe.longTasks.length = 0");
  const seconds = process.env["TAILRACE_LONG"] === "1" ? 30 : 4;
  const startMs = performance.now();
  let sent = 100;
  let clicks = 0;
  let slowestClickMs = 0;
  for (let tick = 1; tick <= seconds * 20; tick++) {
    await send(server, id, 1000, sent + 1);
    sent += 1000;
    if (tick % 10 === 0) {
      const clickMs = performance.now();
      await reader.press("f");
      slowestClickMs = Math.max(slowestClickMs, performance.now() - clickMs);
      clicks++;
    }
    const waitMs = startMs + tick * 50 - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  const rate = Math.round((sent - 100) / ((performance.now() - startMs) / 1000));
  if (/Paused/.test(await reader.text(".status"))) await reader.press("f");
  await reader.rowsUntil("the last entry", (rows) => rows.at(-1)?.seq === sent);
  const longTasks = await reader.ask<number[]>("probe.longTasks");
  t.diagnostic(
    `${rate} entries/s for ${seconds} s; longest task ${Math.max(0, ...longTasks)} ms, ${longTasks.length} over 50 ms; slowest of ${clicks} keys ${Math.round(slowestClickMs)} ms`,
  );
  assert.ok((await reader.ask<number>("probe.rowCount()")) <= rowCountMax);
});

test("after a restart of the server the log goes on without a lost or repeated line", async (t: TestContext) => {
  const restarted = new TestServer({ flags: ["--log-level", "error"] });
  restarted.port = await quietPort();
  t.after(() => restarted.close());
  await restarted.start();
  const id = await restarted.session({ appname: "Restart" });
  await restarted.append(id, plainEntries(400));
  const reader = await open(t, restarted, { hash: `#s=${id}` });
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 400);
  for (let round = 1; round <= 2; round++) {
    if (round === 1) await restarted.stop();
    else await restarted.kill();
    await reader.textUntil(".connection", /Offline: .+ Trying again/);
    await reader.textUntil(".status", /Waiting for the server/);
    await restarted.start();
    await restarted.call("POST", `/sessions/${id}`, { body: {} });
    await restarted.append(id, plainEntries(200, round * 10_000));
    await reader.textUntil(".connection", /Live/);
    await reader.textUntil(".status", /Following/);
    await reader.rowsUntil("what came meanwhile", (rows) => rows.at(-1)?.text === `entry ${round * 10_000 + 199}`);
  }
  const stored = await restarted.readAll(id);
  const read = await reader.ask<{ seen: unknown[]; changed: unknown[] }>(`probe.readUp(${stored[0]!.seq})`);
  assert.deepEqual(read.changed, []);
  assert.deepEqual(
    read.seen,
    stored.map(({ seq, message }) => [seq, message]),
  );
});
