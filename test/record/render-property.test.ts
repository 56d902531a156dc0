import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { limits } from "#src/config.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { wtf8 } from "./entries.ts";
import { fieldObjects, numbers, templates, wideEntries } from "./render-arbitrary.ts";
import { renderModel } from "./render-model.ts";
import { render, renderBytes } from "./render-text.ts";

const runCount = process.env["TAILRACE_LONG"] === "1" ? 200_000 : 10_000;

test("R2: rendering agrees with the rules done slowly and never throws", () => {
  const renderer = new Renderer();
  fc.assert(
    fc.property(templates, fieldObjects, (format, fields) => {
      // Bytes, because two halves side by side would read like the pair.
      assert.deepEqual(renderBytes(wtf8(format), utf8(fields), renderer), wtf8(renderModel(format, fields, limits)));
    }),
    { numRuns: runCount },
  );
});

test("rendering agrees with the rules under tight limits and a cache that forgets", () => {
  const bounds = { messageSizeBytesMax: 24, renderDepthMax: 3, templateCacheCountMax: 3, templateCacheSizeBytesMax: 4096 };
  const renderer = new Renderer(bounds);
  fc.assert(
    fc.property(templates, fieldObjects, (format, fields) => {
      assert.deepEqual(renderBytes(wtf8(format), utf8(fields), renderer), wtf8(renderModel(format, fields, bounds)));
    }),
    { numRuns: runCount },
  );
});

test("of many members the last with a name is shown", () => {
  fc.assert(
    fc.property(wideEntries, ([format, fields]) => {
      assert.equal(render(format, fields), renderModel(format, fields, limits));
    }),
    { numRuns: runCount },
  );
});

test("numbers are shown in their shortest form, long integers as sent", () => {
  fc.assert(
    fc.property(numbers, (literal) => {
      assert.equal(render("{n}", `{"n":${literal}}`), renderModel("{n}", `{"n":${literal}}`, limits));
    }),
    { numRuns: runCount },
  );
});
