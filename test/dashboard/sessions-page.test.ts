/** The table of sessions in a real browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { sharedBrowser } from "./browser.ts";
import { plainEntries } from "./entries.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });
const open = sharedBrowser();

const names = "[...document.querySelectorAll('tr-sessions tbody tr')].map((row) => row.querySelector('a').textContent)";

test("the server's own session is chosen on load and wears its pill", async (t) => {
  const reader = await open(t, server);
  assert.match(await reader.text("tr-session h2"), /^tailrace/);
  assert.equal(await reader.text("tr.selected .pill.this"), "this server");
  assert.match(await reader.text(".connection"), /Live/);
});

test("children stand under their parent, fold away, and sort with it", async (t) => {
  const parent = await server.session({ appname: "Nest", mode: "parent" });
  for (const mode of ["one", "two"]) await server.session({ appname: "Nest", mode, parent_session_id: parent });
  const reader = await open(t, server);
  await reader.page.locator("tr-sessions input").fill("nest");
  const modes = () =>
    reader.ask<string[]>(
      "[...document.querySelectorAll('tr-sessions tbody tr')].map((row) => row.querySelector('.mode').textContent)",
    );
  await until("all three", async () => (await modes()).length === 3);
  assert.equal((await modes())[0], "parent");
  assert.equal(await reader.ask("document.querySelectorAll('.tree.depth-1').length"), 2);
  await reader.page.locator("button.twist").click();
  assert.deepEqual(await modes(), ["parent"]);
  assert.equal(await reader.text("tr-sessions .pill:not(.this)"), "+2");
  await reader.page.locator("button.twist").click();
  await reader.page.locator("th.name button").click();
  assert.equal((await modes()).length, 3);
  assert.equal((await modes())[0], "parent");
});

test("the table is one stop of the tab key; arrows go through its rows and what is below them", async (t) => {
  const parent = await server.session({ appname: "Arrow", mode: "parent" });
  await server.session({ appname: "Arrow", mode: "child", parent_session_id: parent });
  const reader = await open(t, server);
  const focused = () => reader.ask<string>("document.activeElement.closest('tr')?.querySelector('.mode').textContent ?? ''");
  await reader.page.locator("tr-sessions input").fill("arrow");
  await reader.truth("document.querySelectorAll('tr-sessions tbody tr').length === 2");
  assert.equal(await reader.ask("document.querySelectorAll('tr-sessions tbody [tabindex=\"0\"]').length"), 1);
  await reader.press("ArrowDown", "ArrowDown");
  assert.equal(await focused(), "child");
  await reader.press("ArrowLeft");
  assert.equal(await focused(), "parent");
  await reader.press("ArrowLeft");
  await reader.truth("document.querySelectorAll('tr-sessions tbody tr').length === 1");
  await reader.press("ArrowRight");
  await reader.truth("document.querySelectorAll('tr-sessions tbody tr').length === 2");
  await reader.press("Enter");
  await reader.truth(`location.hash.includes('${parent}')`);
});

test("search, sort and pages work over the whole set", async (t) => {
  for (let number = 0; number < 60; number++)
    await server.session({ appname: `Bulk${String(number).padStart(2, "0")}`, platform: "Win64" });
  const reader = await open(t, server);
  await reader.page.locator("tr-sessions input").fill("bulk");
  await reader.textUntil("tr-sessions .paging", /60 sessions[\s\S]*1 \/ 3/);
  assert.equal((await reader.ask<string[]>(names)).length, 25);
  await reader.page.locator("th.name button").click();
  assert.equal((await reader.ask<string[]>(names))[0], "Bulk00");
  assert.equal(await reader.page.locator("th.name").getAttribute("aria-sort"), "ascending");
  await reader.page.locator("tr-sessions [aria-label='Next page']").click();
  assert.equal((await reader.ask<string[]>(names))[0], "Bulk25");
  await reader.page.locator("th.name button").click();
  assert.equal((await reader.ask<string[]>(names))[0], "Bulk59");
  await reader.page.locator("tr-sessions input").fill("bulk17");
  await reader.textUntil("tr-sessions .paging", /1 session/);
});

test("platforms have icons and one name, unknown ones stay text; sizes have pills", async (t) => {
  for (const platform of ["Win64", "Darwin", "PS5", "TempleOS"]) await server.session({ appname: "Plat", platform });
  const reader = await open(t, server);
  await reader.page.locator("tr-sessions input").fill("plat");
  const shown = () =>
    reader.ask<string[]>(
      "[...document.querySelectorAll('tr-sessions .platform-name')].map((name) => name.textContent + (name.querySelector('svg') ? '+' : ''))",
    );
  await until("four platforms", async () => (await shown()).length === 4);
  assert.deepEqual((await shown()).sort(), ["PS5+", "TempleOS", "Windows+", "macOS+"]);
  assert.match(await reader.text("tr-sessions td.size .pill"), /B$/);
});

test("new sessions, their growth and their end appear by themselves", async (t) => {
  const reader = await open(t, server);
  await reader.page.locator("tr-sessions input").fill("fresh");
  const id = await server.session({ appname: "Fresh" });
  await reader.truth(`${names}.includes('Fresh')`);
  assert.equal(await reader.ask("document.querySelectorAll('tbody .dot.active').length"), 1);
  await server.append(id, plainEntries(42));
  await reader.textUntil("tr-sessions tbody td.number", /^42$/);
  await server.call("DELETE", `/sessions/${id}`);
  await reader.truth("document.querySelector('tbody .dot.ended') !== null");
  await reader.page.locator("tr-sessions .segments button", { hasText: "active" }).click();
  await reader.textUntil("tr-sessions", /No session matches/);
});

test("times are relative with the absolute one behind, and the metadata tab shows JSON", async (t) => {
  const id = await server.session({ appname: "Meta", metadata: { build: { tags: ["a", "b"] }, on: true } });
  const reader = await open(t, server, { hash: `#s=${id}&t=metadata` });
  await reader.textUntil("pre.json", /"tags": \[\n {6}"a",/);
  assert.equal(await reader.ask("document.querySelectorAll('pre.json .key').length"), 3);
  assert.match(
    (await reader.page.locator("tr.selected time").last().getAttribute("title")) ?? "",
    /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC/,
  );
  assert.match(await reader.text("tr.selected td.activity time"), /ago|now/);
});

test("a session that nobody knows is said to be unknown", async (t) => {
  const reader = await open(t, server);
  await reader.ask("location.hash = '#s=ffffffffffffffffffffffff'");
  await reader.textUntil(".no-session", /no session ffffffffffffffffffffffff/);
  await reader.page.locator(".no-session button").click();
  await reader.textUntil("tr-session h2", /^tailrace/);
});
