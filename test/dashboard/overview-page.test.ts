/** The overview in a real browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedServer } from "../harness/server.ts";
import { sharedBrowser } from "./browser.ts";
import { plainEntries, requestEntries } from "./entries.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });
const open = sharedBrowser();

async function openOverview(t: Parameters<typeof open>[0]) {
  const id = await server.session({ appname: "Overview" });
  await server.append(id, [...requestEntries(2000), ...plainEntries(100, 2001)]);
  const reader = await open(t, server, { hash: `#s=${id}&t=overview`, height: 1100 });
  await reader.truth("document.querySelector('tr-overview tr-timeline canvas')");
  return reader;
}

test("the overview has counts, top loggers, and templates with their trend", async (t) => {
  const reader = await openOverview(t);
  assert.match((await reader.text(".facts-row")).replaceAll("\u202f", ""), /Entries\s*2100/);
  await reader.textUntil(".bars li", /LogHttp/);
  await reader.textUntil("table.templates", /\{method\} \{path\} answered/);
  await reader.truth("document.querySelector('.sparkline polyline').getAttribute('points').split(' ').length > 10");
  assert.match((await reader.page.locator("tr-overview .chart").first().getAttribute("aria-label")) ?? "", /error/);
});

test("a click on a bar, a logger or a template narrows the log", async (t) => {
  const reader = await openOverview(t);
  await reader.page.locator(".bars button", { hasText: "LogNet" }).click();
  await reader.rowsUntil("one logger", (rows) => rows.length > 3 && rows.every((row) => row.seq > 2000 && row.seq % 3 === 0));
  await reader.page.locator("select.logger").selectOption("");
  await reader.press("2");
  await reader.page.locator("table.templates button").first().click();
  await reader.rowsUntil("one template", (rows) => rows.length > 3 && rows.every((row) => row.text.includes("answered")));
  await reader.page.locator(".chips > button").click();
  await reader.press("2");
  const box = (await reader.page.locator("tr-overview .u-over").first().boundingBox())!;
  await reader.page.mouse.click(box.x + box.width / 2, box.y + box.height - 8);
  await reader.textUntil("tr-session .facts-row", /Entries/);
  await reader.press("1");
  await reader.textUntil(".chip", /time/);
  await reader.rowsUntil("a part of the log", (rows) => rows.length > 0 && rows.every((row) => row.seq > 500 && row.seq < 1600));
});

test("a numeric field is drawn over time, also from an entry", async (t) => {
  const reader = await openOverview(t);
  await reader.truth("document.querySelector('tr-field-chart canvas')");
  const fields = await reader.ask<string[]>(
    "[...document.querySelectorAll('tr-field-chart [aria-label=Field] option')].map((option) => option.value)",
  );
  assert.deepEqual(fields.sort(), ["ms", "status"]);
  await reader.press("1");
  await reader.page.locator(".log-search input").fill("answered 500");
  await reader.rowsUntil("errors", (rows) => rows.length > 3 && rows.every((row) => row.text.includes("500")));
  await reader.page.locator(".entry .marker").first().click();
  await reader.page.locator("[aria-label='Draw ms over time']").click();
  await reader.textUntil("tr-field-chart", /20 to 26 in 2.?000 entries/);
  assert.equal(await reader.page.locator("tr-field-chart [aria-label=Field]").inputValue(), "ms");
});
