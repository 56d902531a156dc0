/** What whoever runs the server looks at, and what it does with little: few descriptors, large entries. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { HostGuard } from "#src/server/hosts.ts";
import type { LogPage, SessionList } from "#src/wire/api.ts";
import { freshSessionId } from "../harness/random.ts";
import { serverFor, sharedServer } from "../harness/server.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });

interface Stats {
  readonly self_id: string;
  readonly active: number;
  readonly ended: number;
  readonly counters: Readonly<Record<"read" | "write" | "delete" | "list" | "request" | "bad_request", number>>;
}

const stats = async () => (await server.call("GET", "/stats/sessions")).json<Stats>();

test("counters count what was done, each once", async () => {
  const before = await stats();
  const id = await server.session();
  await server.append(id, [{ message: "a" }, { message: "b" }]);
  await server.append(id, [{ message: "c" }]);
  await server.append(id, [{ level: "bad" }]);
  await server.call("GET", `/sessions/${id}/log`);
  await server.call("GET", "/sessions/");
  await server.call("GET", "/nowhere");
  await server.call("DELETE", `/sessions/${id}`);
  const after = await stats();
  const grown = Object.fromEntries(
    Object.entries(after.counters).map(([name, value]) => [name, value - (Reflect.get(before.counters, name) as number)]),
  );
  assert.deepEqual(grown, { read: 1, write: 2, delete: 1, list: 1, request: 9, bad_request: 2 });
  assert.deepEqual([after.active - before.active, after.ended - before.ended], [0, 1]);
});

test("metrics are Prometheus text of one prefix, and agree with what was done", async () => {
  const read = async () => {
    const answer = await server.call("GET", "/metrics");
    assert.match(answer.headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/);
    const values = new Map<string, number>();
    for (const line of answer.text.split("\n")) {
      if (line === "" || /^# (HELP|TYPE) tailrace_\w+ /.test(line)) continue;
      const sample = /^(tailrace_\w+(?:\{[^}]*\})?) (\S+)$/.exec(line);
      assert.ok(sample !== null, line);
      assert.ok(Number.isFinite(Number(sample[2])) || sample[2] === "Nan" || sample[2] === "+Inf", line);
      values.set(sample[1] as string, Number(sample[2]));
    }
    return values;
  };
  const before = await read();
  const id = await server.session();
  await server.append(id, [{ message: "a" }, { message: "b" }], "", { "idempotency-key": "p:1" });
  await server.append(id, [{ message: "a" }, { message: "b" }], "", { "idempotency-key": "p:1" });
  const after = await read();
  const grown = (name: string) => (after.get(`tailrace_${name}`) ?? Number.NaN) - (before.get(`tailrace_${name}`) ?? Number.NaN);
  assert.deepEqual([grown("batches_stored_total"), grown("entries_stored_total"), grown("batches_duplicate_total")], [2, 2, 1]);
  assert.equal(grown("sessions_active"), 1);
  assert.equal(after.get("tailrace_ready"), 1);
});

test("health, readiness, the description of the interface and the page are served", async () => {
  assert.deepEqual((await server.call("GET", "/healthz")).json(), { status: "ok" });
  assert.equal((await server.call("GET", "/readyz")).status, 200);
  const described = (await server.call("GET", "/openapi.json")).json<{ openapi: string; paths: object }>();
  assert.match(described.openapi, /^3\./);
  assert.ok(Object.keys(described.paths).length > 15);
  const root = await server.call("GET", "/");
  assert.deepEqual([root.status, root.headers.location], [302, "/dashboard/"]);
  const page = await server.call("GET", "/dashboard/");
  assert.equal(page.status, 200);
  assert.match(page.headers["content-type"] ?? "", /^text\/html/);
  assert.match(String(page.headers["content-security-policy"]), /default-src 'none'/);
  const script = /src="(\/dashboard\/assets\/[^"]+\.js)"/.exec(page.text)?.[1] ?? "";
  const plain = await server.call("GET", script);
  assert.match(plain.headers["content-type"] ?? "", /javascript/);
  assert.equal(plain.headers["content-encoding"], undefined);
  const packed = await server.call("GET", script, { headers: { "accept-encoding": "br, gzip" } });
  assert.deepEqual([packed.headers["content-encoding"], packed.headers.vary], ["gzip", "Accept-Encoding"]);
  assert.ok(packed.bytes.length < plain.bytes.length / 2);
  assert.deepEqual(gunzipSync(packed.bytes), plain.bytes);
  const refused = await server.call("GET", script, { headers: { "accept-encoding": "gzip;q=0" } });
  assert.equal(refused.headers["content-encoding"], undefined);
});

test("hosts: the bound address and localhost on any port are served, also through --allow-host, all others are not", async (t) => {
  const own = await serverFor(t, { flags: ["--log-level", "error", "--allow-host", "logs.example,Other.Example"] });
  const status = async (host: string) => (await own.call("GET", "/healthz", { headers: { host } })).status;
  for (const host of ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:7420", "logs.example", "other.example:443"])
    assert.equal(await status(host), 200, host);
  for (const host of [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "logs.example.evil",
    "10.0.0.1",
    "[::2]",
    "a b",
  ])
    assert.equal(await status(host), 403, host);
});

test("hosts: a server on every address of its machine is reached by address, and by a page of the same address", () => {
  for (const bound of ["0.0.0.0", "::"]) {
    const guard = new HostGuard(bound, ["logs.example"], []);
    for (const host of ["10.0.0.1:7420", "192.168.1.7", "[fd00::2]:7420", "localhost", "logs.example"])
      assert.ok(guard.isGoodHost(host), host);
    for (const host of ["evil.example", "10.0.0.1.evil.example", "1.2.3", "", "::1", "10.0.0.1:7420:1"])
      assert.ok(!guard.isGoodHost(host), host);
    assert.ok(guard.isGoodOrigin("http://10.0.0.1:7420", "10.0.0.1:7420"));
    assert.ok(guard.isGoodOrigin("http://[fd00::2]:7420", "[FD00::2]:7420"));
    assert.ok(!guard.isGoodOrigin("http://10.0.0.2:7420", "10.0.0.1:7420"));
    assert.ok(!guard.isGoodOrigin("http://evil.example", "10.0.0.1:7420"));
  }
  const loopback = new HostGuard("127.0.0.1", [], []);
  assert.deepEqual([loopback.isGoodHost("10.0.0.1"), loopback.isGoodOrigin("http://10.0.0.1", "10.0.0.1")], [false, false]);
});

test("with 256 descriptors a server keeps many more sessions, all written, read and there after a restart", async (t) => {
  if (spawnSync("prlimit", ["--version"]).status !== 0) return t.skip("this machine has no prlimit");
  const count = process.env["TAILRACE_LONG"] === "1" ? 5000 : 600;
  const own = await serverFor(t, { wrapper: ["prlimit", "--nofile=256:256"], flags: ["--log-level", "error"] });
  const ids = Array.from({ length: count }, () => freshSessionId());
  for (let from = 0; from < count; from += 100)
    await Promise.all(ids.slice(from, from + 100).map((id) => own.append(id, [{ message: `first of ${id}` }], "?create=true")));
  for (let from = 0; from < count; from += 100) {
    const answers = await Promise.all(
      ids
        .slice(from, from + 100)
        .map((id, index) => own.append(id, [{ message: `second of ${id}` }], index % 10 === 0 ? "?ack=synced" : "")),
    );
    for (const answer of answers)
      assert.deepEqual([answer.status, answer.status === 200 && answer.json<{ first: number }>().first], [200, 2], answer.text);
  }
  const check = async (more: number) => {
    for (let from = 0; from < count; from += 100) {
      const pages = await Promise.all(
        ids.slice(from, from + 100).map((id) => own.call("GET", `/sessions/${id}/log?cursor=0&q=of`)),
      );
      for (const [index, page] of pages.entries()) {
        const id = ids[from + index] as string;
        const { entries, head } = page.json<LogPage>();
        assert.deepEqual([head, ...entries.map((entry) => entry.message)], [2 + more, `first of ${id}`, `second of ${id}`]);
      }
    }
  };
  await check(0);
  assert.equal(await own.stop(), 0);
  await own.start();
  await check(1);
  assert.equal((await own.call("GET", "/sessions/?status=ended")).json<SessionList>().total, count + 1);
  t.diagnostic(`figures: ${count} sessions with 256 descriptors`);
});

test("a page of large entries ends early and the next one goes on; the largest entry comes back whole", async () => {
  const id = await server.session();
  const size = 256 * 1024 - 100;
  for (let batch = 0; batch < 4; batch++) {
    const entries = Array.from({ length: 50 }, (_, index) => ({
      message: "m",
      fields: { text: String.fromCharCode(97 + ((batch * 50 + index) % 26)).repeat(size) },
    }));
    assert.equal((await server.append(id, entries)).status, 200);
  }
  let cursor = 0;
  let pages = 0;
  for (let more = true; more; pages++) {
    const page = (await server.call("GET", `/sessions/${id}/log?cursor=${cursor}&limit=10000`)).json<LogPage>();
    for (const entry of page.entries) {
      cursor++;
      assert.equal(entry.seq, cursor);
      assert.equal(entry.fields?.["text"], String.fromCharCode(97 + ((cursor - 1) % 26)).repeat(size));
    }
    ({ more } = page);
    assert.equal(page.cursor, cursor);
  }
  assert.equal(cursor, 200);
  assert.ok(pages > 1, "fifty megabytes are more than a page");
});
