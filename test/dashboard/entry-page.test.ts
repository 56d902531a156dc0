/** Single entries in a real browser: details, links, folds, gaps, hostile text, and the keyboard. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverFor, sharedServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { sharedBrowser } from "./browser.ts";
import { plainEntries, requestEntries } from "./entries.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });
const open = sharedBrowser();

async function sessionOf(entries: readonly object[]): Promise<string> {
  const id = await server.session({ appname: "Entries" });
  await server.append(id, entries);
  return id;
}

test("the marker of a structured entry opens template and fields, and a value filters by itself", async (t) => {
  const id = await sessionOf([...requestEntries(100), ...plainEntries(50)]);
  const reader = await open(t, server, { hash: `#s=${id}&c=50` });
  await reader.rowsUntil("the entry", (rows) => rows.some((row) => row.seq === 50));
  await reader.page.locator("[data-seq='50'] .marker").click();
  await reader.textUntil("[data-seq='50'] .template code", /^\{method\} \{path\} answered \{status\} after \{ms\} ms$/);
  assert.equal(await reader.ask("document.querySelectorAll('[data-seq=\"50\"] .fields tr').length"), 4);
  await reader.page.locator("[data-seq='50'] .fields tr", { hasText: "status" }).locator("button.value").click();
  await reader.rowsUntil("only that status", (rows) => rows.length > 5 && rows.every((row) => row.text.includes("answered 500")));
  await reader.page.locator(".chip", { hasText: "template" }).locator("button").click();
  assert.match(await reader.text(".chip"), /status\s*500/);
  await reader.page.locator(".chip button").click();
  await reader.rowsUntil("others again", (rows) => rows.some((row) => !row.text.includes("answered 500")));
});

test("fields keep every digit that was sent", async (t) => {
  const id = await server.session();
  await server.call("POST", `/sessions/${id}/log`, {
    body: '{"format":"user {id}","fields":{"id":76561198000000001234}}',
    headers: { "content-type": "application/json" },
  });
  const reader = await open(t, server, { hash: `#s=${id}` });
  await reader.rowsUntil("the entry", (rows) => rows.length === 1);
  await reader.page.locator(".entry .marker").click();
  await reader.textUntil(".fields button.value", /^76561198000000001234$/);
});

test("an entry's link opens it with what is around, and it can be shown in context of everything", async (t) => {
  const id = await sessionOf(plainEntries(5000));
  const reader = await open(t, server, { hash: `#s=${id}&c=2500` });
  const rows = await reader.rowsUntil("the middle", (shown) => shown.some((row) => row.seq === 2500));
  assert.ok(rows[0]!.seq < 2500 && rows.at(-1)!.seq > 2500);
  assert.equal(await reader.ask("document.querySelector('.entry.current').dataset.seq"), "2500");
  await reader.press("l");
  const link = await reader.ask<string>("navigator.clipboard.readText()");
  assert.equal(link, `${server.url}/dashboard/#s=${id}&c=2500`);
  await reader.press("c");
  await until(
    "the line",
    async () => (await reader.ask("navigator.clipboard.readText()")) === "[2026-11-20 10:04:10.000] [warn] [LogCore] entry 2500",
  );
  await reader.page.locator(".levels [data-level=error]").click();
  await reader.rowsUntil("errors", (shown) => shown.length > 0 && shown.every((row) => row.level === "error"));
  await reader.press("j", "Enter");
  await reader.page.locator(".detail button", { hasText: "Show in context" }).click();
  await reader.rowsUntil("everything around it", (shown) => shown.some((row) => row.level === "info"));
});

test("stack traces fold, in one message and line by line", async (t) => {
  const frames = Array.from({ length: 6 }, (_, index) => ({ message: `    at step${index} (file.ts:${index}:1)` }));
  const id = await sessionOf([
    { level: "error", message: "Boom\n    at one (a.ts:1:1)\n    at two (a.ts:2:1)" },
    ...frames,
    { message: "after" },
  ]);
  const reader = await open(t, server, { hash: `#s=${id}` });
  const rows = await reader.rowsUntil("folded rows", (shown) => shown.length === 3);
  assert.deepEqual(
    rows.map((row) => [row.kind, row.text]),
    [
      ["entry", "Boom"],
      ["fold", "6 stack frames"],
      ["entry", "after"],
    ],
  );
  await reader.page.locator(".fold .marker").click();
  await reader.rowsUntil("all frames", (shown) => shown.length === 8);
  await reader.page.locator("[data-seq='2'] .marker").click();
  await reader.rowsUntil("a trace that is folded again", (shown) => shown.length === 3);
  assert.equal(await reader.text("[data-seq='1'] .marker"), "+2 lines");
  await reader.page.locator("[data-seq='1'] .marker").click();
  await reader.textUntil(".whole", /Boom\n {4}at one \(a\.ts:1:1\)\n {4}at two/);
});

test("the keyboard reaches folded traces, and what hides in one is shown when it is asked for", async (t) => {
  const frames = Array.from({ length: 4 }, (_, index) => ({ level: "error", message: `    at step${index} (file.ts:1:1)` }));
  const id = await sessionOf([{ level: "error", message: "Boom" }, ...frames, { level: "error", message: "after" }]);
  const reader = await open(t, server, { hash: `#s=${id}&c=4` });
  const current = (name: string, seq: number) =>
    reader.truth(`document.querySelector('${name}.current')?.dataset.seq === '${seq}'`);
  await current(".entry:not(.fold)", 4);
  await reader.press("ArrowLeft");
  await current(".fold", 2);
  await reader.press("e");
  await current(".entry", 6);
  await reader.press("k");
  await current(".fold", 2);
  assert.equal(
    await reader.ask("document.querySelector('.log-scroll').getAttribute('aria-activedescendant')"),
    await reader.ask("document.querySelector('.fold').id"),
  );
  await reader.press("ArrowRight");
  await reader.rowsUntil("all frames", (shown) => shown.length === 6);
  await current(".entry:not(.fold)", 2);
});

test("the details of the last row in view are shown whole", async (t) => {
  const id = await sessionOf(requestEntries(60));
  const reader = await open(t, server, { hash: `#s=${id}` });
  const rows = await reader.rowsUntil("the end", (shown) => shown.at(-1)?.seq === 60);
  await reader.page.locator(`[data-seq='${rows.at(-1)!.seq}'] .marker`).click();
  const bottom = (selector: string) => `document.querySelector('${selector}').getBoundingClientRect().bottom`;
  await reader.truth(`${bottom(".detail .fields")} <= ${bottom(".log-scroll")}`);
});

test("entries of another day show their day", async (t) => {
  const id = await sessionOf([{ timestamp: "2020-02-03T10:11:12.345Z", message: "long ago" }]);
  const reader = await open(t, server, { hash: `#s=${id}`, preferences: { time: "utc" } });
  await reader.textUntil(".cell.time", /^02-03 10:11:12\.345$/);
});

test("entries that are no longer kept have a row that says so", async (t) => {
  const small = await serverFor(t, {
    flags: ["--log-level", "error", "--segment-bytes", "64KiB", "--session-max-bytes", "300KiB"],
  });
  const id = await small.session();
  for (let batch = 0; batch < 30; batch++) await small.append(id, plainEntries(1000, batch * 1000 + 1));
  const first = await until("old entries go", async () => {
    const { first: oldest } = (await small.call("GET", `/sessions/${id}`)).json<{ first: number }>();
    return oldest > 1 ? oldest : undefined;
  });
  const reader = await open(t, small, { hash: `#s=${id}` });
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 30_000);
  await reader.press("g");
  const rows = await reader.rowsUntil("the gap on top", (shown) => shown[0]?.kind === "gap");
  assert.match(rows[0]!.text.replaceAll("\u202f", ""), /^Entries 1 to \d+ are no longer kept$/);
  assert.ok(rows[1]!.seq >= first);
});

test("hostile text is shown as text", async (t) => {
  const hostile = [
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it must stay the text that it is
    "${window.hacked=1} {{constructor.constructor('window.hacked=1')()}}",
    "\u001b[2J\u001b[31mred\u0007 \u202egnirts\u202c back\rover",
    `<a href="javascript:window.hacked=1">x</a>${"&lt;".repeat(3)}`,
    "w".repeat(200_000),
  ];
  const id = await server.session({
    appname: hostile[0]!,
    mode: hostile[2]!.slice(0, 40),
    platform: "<b>bold</b>",
    metadata: { "<i>": hostile[0] },
  });
  await server.append(
    id,
    hostile.map((message) => ({ level: "warn", logger: "<u>logger</u>", message })),
  );
  await server.append(id, [{ format: "<b>{html}</b>", fields: { html: hostile[0], "<key>": hostile[3] } }]);
  const reader = await open(t, server, { hash: `#s=${id}` });
  const rows = await reader.rowsUntil("all of them", (shown) => shown.length === 6);
  assert.equal(rows[0]!.text, hostile[0]);
  assert.equal(rows[1]!.text, hostile[1]);
  assert.equal(rows[2]!.text, "␛[2J␛[31mred␇ ⟨U+202E⟩gnirts⟨U+202C⟩ back␍over");
  for (const seq of [1, 5, 6]) await reader.page.locator(`[data-seq='${seq}'] .cell.time`).click();
  await reader.press("Enter");
  await reader.press("w");
  await reader.page.locator(".log-search input").fill("<img src=x");
  await reader.truth("document.querySelector('.entry mark')?.textContent === '<img src=x'");
  for (const tab of ["2", "3"]) {
    await reader.ask("document.activeElement.blur()");
    await reader.press(tab);
    await reader.truth(`document.querySelector('#panel-${tab === "2" ? "overview" : "metadata"}')`);
  }
  await reader.textUntil("pre.json", /<img src=x/);
  assert.equal(await reader.ask("window.hacked"), undefined);
  assert.equal(
    await reader.ask(
      "document.querySelectorAll('tr-app img, tr-app script, tr-app b:not(code b):not(.legend b), tr-app u, tr-app i:not(.dot):not(.swatch)').length",
    ),
    0,
  );
});

test("the keyboard alone moves, finds, opens, follows and explains itself", async (t) => {
  const id = await sessionOf(plainEntries(2000));
  const reader = await open(t, server, { hash: `#s=${id}` });
  const current = () => reader.ask<string>("document.querySelector('.entry.current')?.dataset.seq ?? ''");
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 2000);
  await reader.press("g");
  await reader.rowsUntil("the top", (rows) => rows[0]?.seq === 1);
  await reader.press("j", "j", "j", "k");
  await until("the second entry", async () => (await current()) === "2");
  await reader.press("e");
  await until("the next error", async () => (await current()) === "6");
  await reader.press("e", "e");
  await until("two errors on", async () => (await current()) === "22");
  await reader.press("Shift+E");
  await until("one error back", async () => (await current()) === "14");
  await reader.press("Enter");
  await reader.truth("document.querySelector('.entry.open.current .detail')");
  assert.equal(await reader.page.locator(".log-scroll").getAttribute("aria-activedescendant"), "row-14");
  await reader.press("Enter");
  await reader.truth("document.querySelector('.entry.open') === null");
  await reader.press("Space");
  await reader.rowsUntil("a screen on", (rows) => (rows[0]?.seq ?? 0) > 10);
  await reader.press("/");
  await reader.page.keyboard.type("entry 777");
  await reader.rowsUntil("the match", (rows) => rows.length === 1 && rows[0]?.seq === 777);
  await reader.press("Escape");
  await reader.rowsUntil("everything", (rows) => rows.length > 5);
  await reader.press("Shift+G");
  await reader.rowsUntil("the end again", (rows) => rows.at(-1)?.seq === 2000);
  await reader.press("f");
  await reader.textUntil(".status", /Paused/);
  await reader.press("?");
  await reader.truth("document.querySelector('dialog.help').open");
  await reader.press("Escape");
  await reader.truth("!document.querySelector('dialog.help').open");
  await reader.press("Shift+W");
  await reader.truth("document.querySelector('main.wide') && !document.querySelector('tr-sessions')");
  await reader.press("w");
  await reader.truth("document.querySelector('.log-scroll.wrap')");
  await reader.press("d");
  await reader.truth("document.documentElement.dataset.theme === 'light'");
});

test("wrapping shows whole lines, and rows do not overlap", async (t) => {
  const long = Array.from({ length: 200 }, (_, index) => ({ message: `${index} ${"word ".repeat(index % 90)}` }));
  const id = await sessionOf(long);
  const reader = await open(t, server, { hash: `#s=${id}`, preferences: { isWrapped: true } });
  await reader.rowsUntil("the end", (rows) => rows.at(-1)?.seq === 200);
  let tallCount = 0;
  for (let turn = 0; turn < 12; turn++) {
    await reader.wheel(-300);
    const rows = await reader.rowsUntil(
      "rows in a line",
      (shown) =>
        shown.length > 2 && shown.every((row, index) => index === 0 || row.y === shown[index - 1]!.y + shown[index - 1]!.height),
    );
    tallCount += rows.filter((row) => row.height > 22).length;
  }
  assert.ok(tallCount > 10);
});
