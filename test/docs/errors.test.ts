/** The examples of errors against the running server: each code is provoked, and has the members that its example shows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallOptions, HttpAnswer } from "../harness/http.ts";
import { freshSessionId } from "../harness/random.ts";
import { serverFor, sharedServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { description, problemOf } from "./openapi.ts";

const server = sharedServer({ flags: ["--log-level", "fatal"] });
const json = { "content-type": "application/json" };
const text = { "content-type": "text/plain" };

/** Sends a body to the log of a new session. */
async function append(body: string | Uint8Array, headers: CallOptions["headers"] = json): Promise<HttpAnswer> {
  return server.call("POST", `/sessions/${await server.session()}/log`, { body, headers: headers ?? json });
}

async function endedSession(): Promise<string> {
  const id = await server.session();
  await server.append(id, [{ message: "one" }]);
  await server.call("DELETE", `/sessions/${id}`);
  return id;
}

/** A reader with an entry to hand out; returns its path. */
async function readerPath(): Promise<string> {
  const id = await server.session();
  await server.append(id, [{ message: "one" }]);
  await server.call("PUT", `/sessions/${id}/readers/indexer`);
  return `/sessions/${id}/readers/indexer`;
}

const provocations: Readonly<Record<string, () => Promise<HttpAnswer>>> = {
  invalid_session_id: () => server.call("GET", "/sessions/xyz"),
  invalid_query: async () => server.call("GET", `/sessions/${await server.session()}/log?limit=10001`),
  invalid_json: () => append('[{"message":"a"'),
  invalid_entry: () => append('[{"message":"a"},{"message":"b","level":"loud"}]'),
  invalid_batch: () => append("5"),
  invalid_encoding: () => append("no gzip", { ...json, "content-encoding": "gzip" }),
  invalid_utf8: () => append(new Uint8Array([0xff]), text),
  forbidden: () => server.call("GET", "/healthz", { headers: { host: "elsewhere.example" } }),
  not_found: () => server.call("GET", "/nowhere"),
  session_not_found: () => server.call("GET", `/sessions/${freshSessionId()}`),
  method_not_allowed: () => server.call("PUT", "/healthz"),
  session_ended: async () => server.append(await endedSession(), [{ message: "late" }]),
  not_archived: async () => server.call("POST", `/sessions/${await endedSession()}/restore`),
  session_active: async () => server.call("POST", `/sessions/${await server.session()}/archive`),
  leased: async () => {
    const path = await readerPath();
    await server.call("POST", `${path}/claim`);
    return server.call("POST", `${path}/claim`);
  },
  not_leased: async () => server.call("POST", `${await readerPath()}/confirm`, { body: { cursor: 1 } }),
  stalled: async () => {
    const path = await readerPath();
    return until("a reader whose leases are over stalls", async () => {
      const answer = await server.call("POST", `${path}/claim?lease=1`);
      return answer.status === 409 && answer.error.code === "stalled" ? answer : undefined;
    });
  },
  length_required: async () =>
    server.call("POST", `/sessions/${await server.session()}/log`, { headers: { ...json, "transfer-encoding": "chunked" } }),
  payload_too_large: () => append(new Uint8Array(16 * 1024 * 1024 + 1), text),
  unsupported_media_type: () => append("[]", { ...json, "content-encoding": "br" }),
  idempotency_mismatch: async () => {
    const id = await server.session();
    await server.append(id, [{ message: "one" }], "", { "idempotency-key": "test:1" });
    return server.append(id, [{ message: "two" }], "", { "idempotency-key": "test:1" });
  },
};

/** These need a server or a disk in trouble; the process tests bring them about. */
const elsewhere = ["overloaded", "storage_unavailable", "shutting_down"];

for (const [code, provoke] of Object.entries(provocations)) {
  test(`${code} is answered with the members of its example`, async () => checkError(code, await provoke()));
}

test("disk_low is answered with the members of its example", async (t) => {
  const low = await serverFor(t, { flags: ["--log-level", "fatal", "--disk-low-water", "100000TiB"] });
  const answer = await low.call("POST", `/sessions/${freshSessionId()}`);
  checkError("disk_low", answer);
  assert.ok(Number(answer.headers["retry-after"]) > 0);
  assert.equal((await low.call("GET", "/readyz")).status, 503);
});

test("every code is provoked here or known to be provoked elsewhere", () => {
  const here = [...Object.keys(provocations), ...elsewhere, "disk_low"];
  assert.deepEqual(here.sort(), Object.keys(description.components.examples).sort());
});

function checkError(code: string, answer: HttpAnswer): void {
  const example = description.components.examples[code]?.value as { error: object };
  assert.equal(answer.error.code, code);
  assert.deepEqual(Object.keys(answer.error).sort(), Object.keys(example.error).sort());
  assert.equal(problemOf(description.components.schemas["Error"] ?? {}, answer.json()), undefined);
}
