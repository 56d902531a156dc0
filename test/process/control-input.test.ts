/** What steers the server and its sessions: bodies and flags of requests that are no batches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionObject } from "#src/wire/api.ts";
import { freshSessionId } from "../harness/random.ts";
import { sharedServer } from "../harness/server.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });

test("broken JSON is answered with the byte at which it breaks, on every route that takes some", async () => {
  const id = await server.session();
  await server.call("PUT", `/sessions/${id}/readers/r`);
  const broken: readonly (readonly [string, number])[] = [
    ['{"appname":"é" "mode"}', 16],
    ['{"cursor":1', 11],
    [" {nope}", 2],
    ['{"a":"x\ny"}', 7],
    ['{"cursor":01}', 11],
    ["{} {}", 3],
    ["\ufeff{}", 0],
  ];
  for (const [body, offset] of broken) {
    for (const path of ["", "/readers/r/confirm", "/readers/r/resume"]) {
      const answer = await server.call("POST", `/sessions/${id}${path}`, { body });
      assert.deepEqual([answer.error.code, Reflect.get(answer.error, "offset")], ["invalid_json", offset], `${path} ${body}`);
    }
  }
  assert.equal((await server.call("PUT", `/sessions/${id}/readers/list`, { body: [] })).status, 400);
});

test("metadata comes back with every member, whatever its name", async () => {
  const metadata = '{"__proto__":{"a":1},"constructor":[2],"":null}';
  const made = await server.call("POST", `/sessions/${freshSessionId()}`, { body: `{"metadata":${metadata}}` });
  assert.ok(made.text.includes(`"metadata":${metadata}`), made.text);
});

test("a purge that is neither wanted nor not is refused and ends nothing", async () => {
  const id = await server.session();
  assert.equal((await server.call("DELETE", `/sessions/${id}?purge=yes`)).error.code, "invalid_query");
  assert.equal((await server.call("GET", `/sessions/${id}`)).json<SessionObject>().status, "active");
  assert.equal((await server.call("DELETE", `/sessions/${id}?purge=false`)).status, 200);
});
