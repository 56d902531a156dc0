import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { lineGroups } from "#src/cli/lines.ts";

async function linesOf(chunks: readonly Uint8Array[], lineSizeBytesMax = 1000) {
  const lines: { text: Buffer; hasLineFeed: boolean }[] = [];
  for await (const group of lineGroups(Readable.from(chunks), lineSizeBytesMax)) {
    for (const { bytes, start, end, hasLineFeed } of group)
      lines.push({ text: Buffer.from(bytes.subarray(start, end)), hasLineFeed });
  }
  return lines;
}

/** Cuts `bytes` at the given places. */
function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length]
    .map((end, index) => bytes.subarray(places[index - 1] ?? 0, end))
    .filter(({ length }) => length > 0);
}

test("any split into chunks gives the same lines, and joined they are the input", async () => {
  const text = fc.array(fc.constantFrom("a", "bc", "\r", "\n", "\n\n", "夜", "\r\n"), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 8 }), async (parts, cuts) => {
      const input = Buffer.from(parts.join(""));
      const lines = await linesOf(chunksOf(input, cuts));
      const joined = Buffer.concat(lines.flatMap((line) => [line.text, Buffer.from(line.hasLineFeed ? "\n" : "")]));
      assert.deepEqual(joined, input);
      assert.deepEqual(lines, await linesOf(input.length === 0 ? [] : [input]));
      assert.ok(lines.every((line) => !line.text.includes(0x0a)));
    }),
  );
});

test("an overlong line comes in pieces that cut no character", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }), fc.nat(), async (text, cut) => {
      const input = Buffer.from(text.replaceAll("\n", " "));
      const lines = await linesOf(chunksOf(input, [cut]), 16);
      assert.deepEqual(Buffer.concat(lines.map((line) => line.text)), input);
      for (const line of lines) assert.ok(line.text.length <= 16 && isUtf8(line.text));
    }),
  );
});
