/** Limits of batches, as settings move them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { parseSettings, type Settings } from "#src/server/settings.ts";
import type { HttpAnswer } from "../harness/http.ts";
import { serverFor } from "../harness/server.ts";

const text = { "content-type": "text/plain" };
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

test("a body of the limit is taken however little memory bodies were given and however many workers share it", async (t) => {
  const limit = 100_000;
  const flags = ["--slab-bytes", "64KiB", "--body-limit", String(limit), "--workers", "3", "--log-level", "error"];
  const server = await serverFor(t, { flags });
  for (let count = 0; count < 6; count++) {
    const id = await server.session();
    assert.equal((await server.append(id, [{ message: "small" }])).status, 200);
    const answer = await server.call("POST", `/sessions/${id}/log`, { body: "x".repeat(limit), headers: text });
    assert.equal(answer.status, 200, answer.text);
    const larger = await server.call("POST", `/sessions/${id}/log`, { body: "x".repeat(limit + 1), headers: text });
    assert.deepEqual([larger.status, larger.error.limit], [413, limit]);
  }
});

test("settings that can not work are refused by name before anything is made; what can be switched off is", () => {
  const problemsOf = (raw: object) => {
    const parsed = parseSettings({ ...raw });
    return "problems" in parsed ? parsed.problems.map((problem) => problem.split(":")[0]) : parsed.settings;
  };
  const bad = { bodyLimit: "1GiB", arenaBytes: 0, entryLimit: "2MiB", inflatedLimit: "1GiB", fieldLimit: "off", depthLimit: 33 };
  assert.deepEqual(problemsOf(bad), ["arenaBytes", "bodyLimit", "inflatedLimit", "entryLimit", "fieldLimit", "depthLimit"]);
  const off = { retainCount: "off", retainAge: "off", retainBytes: "off", sessionMaxBytes: "off", archiveAfter: "off" };
  const settings = problemsOf(off) as Settings;
  assert.deepEqual(
    Object.keys(off).map((key) => settings[key as keyof Settings]),
    [0, 0, 0, 0, 0],
  );
});
