import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { render } from "./render-text.ts";

interface Case {
  format: string;
  fields: Record<string, unknown>;
  expect: string;
  rule: string;
}

// The file is data, not code: it stays beside its source when tests are built.
const path = new URL(import.meta.url.includes("/dist/") ? "../../../test/record/cases.json" : "cases.json", import.meta.url);
const cases = JSON.parse(readFileSync(path, "utf8")) as Case[];

test("every case of the template rules holds", async (context) => {
  for (const { format, fields, expect, rule } of cases) {
    await context.test(`${rule}: ${format}`, () => assert.equal(render(format, JSON.stringify(fields)), expect));
  }
});
