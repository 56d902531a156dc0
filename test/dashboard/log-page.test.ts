/** The log in a real browser: following, order, filters, searching, times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { sharedBrowser } from "./browser.ts";
import { plainEntries, requestEntries } from "./entries.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });
const open = sharedBrowser();

async function sessionOf(entries: readonly object[]): Promise<string> {
  const id = await server.session({ appname: "Log" });
  if (entries.length > 0) await server.append(id, entries);
  return id;
}

test("following shows what comes; scrolling up stands still and counts; the pill goes on", async (t) => {
  const id = await sessionOf(plainEntries(300));
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 300);
  await server.append(id, plainEntries(5, 301));
  await reader.rowsUntil("what came", (rows) => rows.at(-1)?.seq === 305);
  await reader.wheel(-600);
  await reader.rowsUntil("a place further up", (rows) => rows.length > 0 && (rows.at(-1)?.seq ?? 0) < 300);
  const before = await reader.settled();
  await server.append(id, plainEntries(1000, 306));
  await reader.textUntil(".new-pill", /^1000 new$/);
  assert.deepEqual(await reader.rows(), before);
  await reader.page.locator(".new-pill").click();
  await reader.rowsUntil("the new end", (rows) => rows.at(-1)?.seq === 1305);
  await reader.textUntil(".status", /Following/);
});

test("scrolling back to the end goes on following", async (t) => {
  const id = await sessionOf(plainEntries(300));
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 300);
  await reader.wheel(-400);
  await reader.textUntil(".status", /Paused/);
  await reader.wheel(2000);
  await reader.textUntil(".status", /Following/);
});

test("newest first has the live end on top, and stands still as well", async (t) => {
  const id = await sessionOf(plainEntries(300));
  const reader = await open(t, server, { hash: `#s=${id}`, preferences: { order: "newest" } });
  await reader.rowsUntil("the newest on top", (rows) => rows[0]?.seq === 300);
  await server.append(id, plainEntries(5, 301));
  await reader.rowsUntil("what came on top", (rows) => rows[0]?.seq === 305);
  await reader.wheel(600);
  await reader.rowsUntil("a place further down", (rows) => rows.length > 0 && (rows[0]?.seq ?? 999) < 300);
  const before = await reader.settled();
  await server.append(id, plainEntries(2000, 306));
  await reader.textUntil(".new-pill", /^2000 new$/);
  assert.deepEqual(await reader.rows(), before);
  await reader.press("o");
  await reader.rowsUntil("the other order", (rows) => rows.length > 1 && rows[0]!.seq < rows[1]!.seq);
});

test("levels have counts and leave what is at least as severe", async (t) => {
  const id = await sessionOf(plainEntries(800));
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.textUntil(".levels [data-level=error]", /ERR\s*100/);
  await reader.page.locator(".levels [data-level=warn]").click();
  const rows = await reader.rowsUntil(
    "warnings and errors",
    (shown) => shown.length > 5 && shown.every((row) => ["warn", "error"].includes(row.level)),
  );
  assert.equal(rows.at(-1)?.seq, 798);
  await reader.textUntil(".status", /200 match/);
  await server.append(id, plainEntries(8, 801));
  await reader.rowsUntil("what came and matched", (shown) => shown.at(-1)?.seq === 806);
});

test("a logger, a text and both together narrow the log", async (t) => {
  const id = await sessionOf(plainEntries(900));
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.truth("document.querySelectorAll('select.logger option').length === 3");
  await reader.page.locator("select.logger").selectOption("LogNet");
  await reader.rowsUntil("one logger", (rows) => rows.length > 5 && rows.every((row) => row.seq % 3 === 0));
  await reader.page.locator(".log-search input").fill("ENTRY 30");
  await reader.rowsUntil("both", (rows) => JSON.stringify(rows.map((row) => row.seq)) === "[30,300,303,306,309]");
  await reader.textUntil(".log-search .note", /5 matches/);
  assert.equal(await reader.ask("document.querySelector('.entry mark').textContent"), "entry 30");
  await reader.page.locator(".log-search input").fill("nowhere");
  await reader.textUntil(".log-empty", /Nothing matches/);
  await reader.page.locator(".log-empty button").click();
  await reader.rowsUntil("all again", (rows) => rows.at(-1)?.seq === 900);
});

test("marking keeps every entry, and steps from match to match over the whole stream", async (t) => {
  const id = await sessionOf([
    ...plainEntries(3000),
    { message: "needle one" },
    ...plainEntries(2000, 3002),
    { message: "Needle two" },
  ]);
  const reader = await open(t, server, { hash: `#s=${id}`, preferences: { search: "highlight" } });
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 5002);
  await reader.page.locator(".log-search input").fill("needle");
  await reader.truth("document.querySelector('.entry mark')?.textContent === 'Needle'");
  assert.equal((await reader.seqs()).includes(5000), true);
  await reader.page.locator("[aria-label='Previous match']").click();
  await until(
    "the last match is current",
    async () => (await reader.ask("document.querySelector('.entry.current')?.dataset.seq")) === "5002",
  );
  await reader.page.locator("[aria-label='Previous match']").click();
  await reader.rowsUntil("the first match with its neighbours", (rows) =>
    [3000, 3001, 3002].every((seq) => rows.some((row) => row.seq === seq)),
  );
  await reader.page.locator("[aria-label='Next match']").click();
  await reader.rowsUntil("the second match", (rows) => rows.some((row) => row.seq === 5002));
});

test("a time range is typed, or drawn in the timeline", async (t) => {
  const id = await sessionOf(plainEntries(6000));
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.truth("document.querySelector('.log-frame') && document.querySelector('tr-timeline canvas')");
  await reader.page.locator(".range summary").click();
  await reader.page.locator(".range input").first().fill("2026-11-20 10:05:00");
  await reader.page.locator(".range input").last().fill("2026-11-20 10:05:01");
  await reader.page.locator(".range input").last().press("Enter");
  await reader.rowsUntil("one second", (rows) => rows.length === 11 && rows[0]?.seq === 3000);
  await reader.page.locator(".chip button").click();
  await reader.rowsUntil("everything", (rows) => rows.at(-1)?.seq === 6000);
  await reader.page.locator(".range summary").click();
  await reader.page.locator(".range .panel > button").click();
  assert.equal(await reader.ask("document.querySelector('details.range').open"), false, "a choice closes the menu");
  await reader.textUntil(".levels [data-level=error]", /750/);
  const box = (await reader.page.locator("tr-timeline .u-over").boundingBox())!;
  await reader.page.mouse.move(box.x + box.width * 0.25, box.y + 10);
  await reader.page.mouse.down();
  await reader.page.mouse.move(box.x + box.width * 0.5, box.y + 12, { steps: 5 });
  await reader.page.mouse.up();
  await reader.textUntil(".chip", /10:02:\d\d – 2026-11-20 10:0[45]:\d\d/);
  await reader.rowsUntil(
    "the second quarter",
    (rows) => rows.length > 0 && rows.every((row) => row.seq > 1400 && row.seq < 3100),
  );
});

test("times are local, UTC or relative, with milliseconds", async (t) => {
  const id = await sessionOf(plainEntries(3));
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.rowsUntil("three rows", (rows) => rows.length === 3);
  const time = () => reader.text(".entry .cell.time");
  assert.match(await time(), /10:00:00\.100$/);
  await reader.press("t");
  await reader.textUntil(".log-bar .look", /UTC/);
  assert.match(await time(), /10:00:00\.100$/);
  await reader.press("t");
  await reader.textUntil(".entry .cell.time", /^[+−]\d+:\d\d:\d\d\.\d{3}$/);
});

test("what a filter lets through is saved as NDJSON, CSV and text", async (t) => {
  const id = await sessionOf([...requestEntries(15_000), ...plainEntries(10)]);
  const reader = await open(t, server, { hash: `#s=${id}&level=error` });
  const save = async (label: string) => {
    if (!(await reader.ask("document.querySelector('.export').open"))) await reader.page.locator(".export summary").click();
    const download = reader.page.waitForEvent("download");
    await reader.page.locator(".export .panel button", { hasText: label }).click();
    const chunks: Buffer[] = [];
    for await (const chunk of await (await download).createReadStream()) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("utf8").trimEnd().split(/\r?\n/);
  };
  const lines = await save("NDJSON");
  assert.equal(lines.length, 1501);
  assert.equal(JSON.parse(lines[0]!).fields.status, 500);
  const csv = await save("CSV");
  assert.equal(csv.length, 1502);
  assert.equal(csv.filter((line) => line.startsWith("seq,")).length, 1);
  assert.match((await save("Text"))[0]!, /^\[2026-11-20 10:00:00\.900\] \[error\] \[LogHttp\] GET/);
});

test("a tab in the background keeps the place of the log", async (t) => {
  const id = await sessionOf(plainEntries(3000));
  const reader = await open(t, server, { hash: `#s=${id}&c=1500` });
  await reader.rowsUntil("the entry", (rows) => rows.some((row) => row.seq === 1500));
  const before = await reader.settled();
  await reader.press("2");
  await reader.truth("document.querySelector('#panel-log').hidden && document.querySelector('tr-overview canvas')");
  await server.append(id, plainEntries(100, 3001));
  await reader.press("1");
  assert.deepEqual(await reader.settled(), before);
  await reader.press("Shift+G");
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 3100);
});
