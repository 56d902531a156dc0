/** Limits of batches, as settings move them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { HttpAnswer } from "../harness/http.ts";
import { serverFor } from "../harness/server.ts";

const json = "application/json";

test("limits of a batch and its entries are settings", async (t) => {
  const flags = ["--inflated-limit", "4KiB", "--entry-limit", "1KiB", "--field-limit", "2", "--depth-limit", "3"];
  const small = await serverFor(t, { flags: ["--log-level", "error", ...flags] });
  const id = await small.session();
  const line = (size: number) => "x".repeat(size);
  const post = (type: string, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
    small.call("POST", `/sessions/${id}/log`, { body, headers: { "content-type": type, ...headers } });
  const gzip = { "content-encoding": "gzip" };
  const taken = [
    await post("text/plain", line(1024)),
    await post("text/plain", gzipSync(`${line(1000)}\n`.repeat(4)), gzip),
    await post(json, '{"message":"m","fields":{"a":[1],"b":2}}'),
  ];
  assert.deepEqual(
    taken.map(({ status }) => status),
    [200, 200, 200],
  );
  const refused: readonly (readonly [HttpAnswer, string, number])[] = [
    [await post("text/plain", line(1025)), "payload_too_large", 1024],
    [await post("text/plain", gzipSync(`${line(1000)}\n`.repeat(5)), gzip), "payload_too_large", 4096],
    [await post(json, '{"message":"m","fields":{"a":1,"b":2},"c":3}'), "invalid_entry", 2],
    [await post(json, '{"message":"m","fields":{"a":[[1]]}}'), "invalid_entry", 3],
  ];
  for (const [answer, code, limit] of refused)
    assert.deepEqual([answer.error.code, Reflect.get(answer.error, "limit")], [code, limit], answer.text);
  assert.equal((await small.readAll(id)).length, 6);
});
