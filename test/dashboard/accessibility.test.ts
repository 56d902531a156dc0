/** axe-core over every view in both themes: no serious finding. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { sharedServer } from "../harness/server.ts";
import { sharedBrowser } from "./browser.ts";
import { plainEntries, requestEntries } from "./entries.ts";

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const server = sharedServer({ flags: ["--log-level", "error"] });
const open = sharedBrowser();

for (const theme of ["light", "dark"] as const) {
  test(`axe finds nothing serious in the ${theme} theme`, async (t) => {
    const id = await server.session({ appname: "Access", platform: "PS5", metadata: { a: [1, "b", null, true] } });
    await server.append(id, [
      ...requestEntries(100),
      ...plainEntries(30),
      { level: "critical", message: "one\ntwo" },
      { level: "trace", message: "x" },
    ]);
    const reader = await open(t, server, { hash: `#s=${id}`, theme });
    const check = async (view: string) => {
      await reader.ask(`${axeSource};0`);
      const findings = await reader.ask<Finding[]>("axe.run().then((result) => result.violations)");
      const serious = findings.filter(({ impact }) => impact === "serious" || impact === "critical");
      const shown = serious.map(({ id: rule, nodes }) => `${view}: ${rule}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
      assert.deepEqual(shown, []);
    };
    await reader.textUntil(".levels [data-level=critical]", /1/);
    await check("log");
    await reader.page.locator(".entry .marker:visible").last().click();
    await reader.page.locator(".range summary").click();
    await check("log with an open entry and menu");
    await reader.page.locator(".log-search input").fill("GET");
    await reader.truth("document.querySelector('.entry mark')");
    await check("log with a search");
    await reader.ask("document.activeElement.blur()");
    await reader.press("2");
    await reader.truth("document.querySelector('.sparkline') && document.querySelector('tr-field-chart canvas')");
    await check("overview");
    await reader.press("3");
    await reader.truth("document.querySelector('pre.json .key')");
    await check("metadata");
    await reader.press("?");
    await check("keyboard map");
  });
}
