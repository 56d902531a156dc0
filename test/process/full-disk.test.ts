/** A disk that runs full under load: batches are refused, nothing acknowledged is lost, reads go on, intake comes back. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { History } from "../harness/history.ts";
import { Producer } from "../harness/producer.ts";
import { freshSessionId, type Random, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const flags = ["--segment-bytes", "256KiB", "--log-level", "fatal"];

/** Mounts a small file system for the test, or says that this machine does not allow it. */
function smallDisk(t: TestContext, size: string): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "tailrace-disk-"));
  const isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tailrace-test", directory]).status === 0;
  t.after(() => {
    // The server may still hold files there: it ends later.
    if (isMounted) spawnSync("umount", ["--lazy", directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  return isMounted ? directory : undefined;
}

interface Target {
  readonly id: string;
  readonly history: History;
  readonly producers: readonly Producer[];
}

async function targetsOf(server: TestServer, random: Random): Promise<Target[]> {
  const kinds = [[{}, {}], [{ isKeyed: true }], [{ ack: "synced" as const, countMax: 20 }]];
  return Promise.all(
    kinds.map(async (options) => {
      const session = await server.session({}, freshSessionId());
      const history = new History();
      const common = { session, history, random, countMax: 100, padding: 1000 };
      return {
        id: session,
        history,
        producers: options.map((option, index) => new Producer({ ...common, name: `p${index}`, ...option })),
      };
    }),
  );
}

async function headsOf(server: TestServer, targets: readonly Target[]): Promise<number> {
  let sum = 0;
  for (const { id } of targets) sum += (await server.call("GET", `/sessions/${id}`)).json<{ head: number }>().head;
  return sum;
}

const acknowledged = (targets: readonly Target[]) =>
  targets.flatMap(({ producers }) => producers).reduce((sum, producer) => sum + producer.acknowledgedCount, 0);

/** Loads the server until `isEnough`, and keeps going through refusals. */
async function load(
  server: TestServer,
  targets: readonly Target[],
  isEnough: (refused: number) => boolean | Promise<boolean>,
): Promise<number> {
  let refused = 0;
  let isOver = false;
  const loops = targets.flatMap(({ producers }) =>
    producers.map(async (producer) => {
      while (!isOver) if (!(await producer.sendOne(server))) refused++;
    }),
  );
  await until("enough load", () => isEnough(refused));
  isOver = true;
  await Promise.all(loops);
  return refused;
}

async function check(server: TestServer, targets: readonly Target[], what: string): Promise<void> {
  for (const { id, history } of targets) history.check(await server.readAll(id), `${what}, session ${id}`);
}

/** The common course: full, refused, readable, room again, going on, killed, still there. */
async function runFull(t: TestContext, server: TestServer, disk: { fill(): void; free(): void }): Promise<void> {
  const random = randomOf(seedOfRun());
  const targets = await targetsOf(server, random);
  await load(server, targets, () => acknowledged(targets) > 2000);
  disk.fill();
  let unready = "";
  const refused = await load(server, targets, async (count) => {
    const answer = await server.call("GET", "/readyz");
    if (answer.status === 503) unready = answer.text;
    return unready !== "" && count > 200;
  });
  assert.match(unready, /"reason":".+"/);
  const probe = await server.append(
    targets[0]?.id ?? "",
    Array.from({ length: 100 }, () => ({ message: "x".repeat(10_000) })),
  );
  assert.ok([503, 507].includes(probe.status), probe.text);
  assert.ok(["storage_unavailable", "disk_low"].includes(probe.error.code));
  assert.ok(Number(probe.headers["retry-after"]) >= 1);
  assert.equal(await headsOf(server, targets), acknowledged(targets), "reads go on and show what was acknowledged");
  await check(server, targets, `seed ${random.seed}, while full`);
  disk.free();
  const startMs = performance.now();
  await until("readiness", async () => (await server.call("GET", "/readyz")).status === 200);
  const backMs = performance.now() - startMs;
  const before = acknowledged(targets);
  await load(server, targets, () => acknowledged(targets) > before + 1000);
  for (const { producers } of targets)
    for (const producer of producers) assert.ok(await producer.send(server, producer.sentCount));
  await check(server, targets, `seed ${random.seed}, with room again`);
  await server.kill();
  await server.start();
  await check(server, targets, `seed ${random.seed}, after kill -9`);
  t.diagnostic(
    `figures: seed ${random.seed}, ${acknowledged(targets)} entries acknowledged, ${refused} batches refused, none lost; ready ${Math.round(backMs)} ms after there was room`,
  );
}

test("S4: a small disk filled under load loses nothing acknowledged, and intake comes back by itself", async (t) => {
  const dataDir = smallDisk(t, "24m");
  if (dataDir === undefined) return t.skip("this machine does not allow a mount");
  const server = await serverFor(t, { dataDir, flags: [...flags, "--disk-low-water", "off"] });
  const filler = join(dataDir, "filler");
  await runFull(t, server, {
    fill: () => void spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=64k"]),
    free: () => rmSync(filler),
  });
});

test("under the low-water mark batches are refused before anything is written", async (t) => {
  const dataDir = smallDisk(t, "24m");
  if (dataDir === undefined) return t.skip("this machine does not allow a mount");
  const server = await serverFor(t, { dataDir, flags: [...flags, "--disk-low-water", "8MiB"] });
  const id = await server.session();
  assert.equal((await server.append(id, [{ message: "before" }])).status, 200);
  const filler = join(dataDir, "filler");
  writeFileSync(filler, Buffer.alloc(18 * 1024 * 1024));
  const refused = await until("the disk is low", async () => {
    const answer = await server.append(id, [{ message: "m" }]);
    return answer.status === 507 ? answer : undefined;
  });
  assert.deepEqual([refused.error.code, Number(refused.headers["retry-after"]) >= 1], ["disk_low", true]);
  const ready = await server.call("GET", "/readyz");
  assert.equal(ready.status, 503);
  assert.match(ready.text, /MiB/);
  const created = await server.call("POST", `/sessions/${freshSessionId()}`, { body: {} });
  assert.equal(created.status, 507);
  const head = (await server.call("GET", `/sessions/${id}`)).json<{ head: number }>().head;
  assert.equal((await server.readAll(id)).length, head);
  assert.equal((await server.call("DELETE", `/sessions/${id}`)).status, 200, "a session can still end");
  assert.equal((await server.call("DELETE", `/sessions/${id}?purge=true`)).status, 200, "and its data can go");
  rmSync(filler);
  await until("readiness", async () => (await server.call("GET", "/readyz")).status === 200);
  assert.equal((await server.append(await server.session(), [{ message: "again" }])).status, 200);
});

test("S4: files that may not grow (RLIMIT_FSIZE) refuse batches and lose nothing; a higher limit lets them on", async (t) => {
  if (spawnSync("prlimit", ["--version"]).status !== 0) return t.skip("this machine has no prlimit");
  const server = await serverFor(t, { flags: ["--segment-bytes", "64MiB", "--log-level", "fatal", "--disk-low-water", "off"] });
  const limit = (bytes: string) => spawnSync("prlimit", ["--pid", String(server.pid), `--fsize=${bytes}:`]).status;
  assert.equal(limit("8192"), 0);
  const random = randomOf(seedOfRun());
  const targets = await targetsOf(server, random);
  const refused = await load(
    server,
    targets,
    async () => acknowledged(targets) > 200 || (await server.call("GET", "/readyz")).status === 503,
  );
  await check(server, targets, `seed ${random.seed}, under the limit`);
  assert.equal(limit("unlimited"), 0);
  await until("readiness", async () => (await server.call("GET", "/readyz")).status === 200);
  const before = acknowledged(targets);
  await load(server, targets, () => acknowledged(targets) > before + 1000);
  for (const { producers } of targets)
    for (const producer of producers) assert.ok(await producer.send(server, producer.sentCount));
  await check(server, targets, `seed ${random.seed}, without the limit`);
  t.diagnostic(
    `figures: seed ${random.seed}, ${acknowledged(targets)} entries acknowledged, ${refused} batches refused under the limit`,
  );
});

test("a server that can't even lock its full disk says so and goes; with room it is all there", async (t) => {
  const dataDir = smallDisk(t, "8m");
  if (dataDir === undefined) return t.skip("this machine does not allow a mount");
  const server = await serverFor(t, { dataDir, flags: [...flags, "--disk-low-water", "off"] });
  const id = await server.session();
  await server.append(id, [{ message: "kept" }]);
  assert.equal(await server.stop(), 0);
  const filler = join(dataDir, "filler");
  spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=4k"]);
  await assert.rejects(server.start(), /ended with 1 .*no space left/s);
  rmSync(filler);
  await server.start();
  assert.equal((await server.readAll(id))[0]?.message, "kept");
  await server.session({}, id);
  assert.equal((await server.append(id, [{ message: "on" }])).status, 200);
});

test("a server whose data directory is taken away says so and goes on; it takes batches where there is one again", async (t) => {
  const server = await serverFor(t, { flags });
  await server.session();
  rmSync(server.dataDir, { recursive: true });
  await until("the trouble", async () => (await server.call("GET", "/readyz")).status === 503);
  const refused = await server.call("POST", `/sessions/${freshSessionId()}`, { body: {} });
  assert.deepEqual([refused.status, refused.error.code], [503, "storage_unavailable"]);
  mkdirSync(server.dataDir);
  await server.ready();
  const id = await server.session();
  assert.equal((await server.append(id, [{ message: "on" }])).status, 200);
  assert.equal((await server.readAll(id))[0]?.message, "on");
});
