/** kill -9 under load, again and again, also in the middle of a start: what was acknowledged is there, once, in order. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { History } from "../harness/history.ts";
import { Producer } from "../harness/producer.ts";
import { freshSessionId, type Random, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const cycleCount = Number(process.env["TAILRACE_KILL_CYCLES"] ?? (process.env["TAILRACE_LONG"] === "1" ? 10_000 : 12));
const flags = [
  "--segment-bytes",
  "64KiB",
  "--log-level",
  "warn",
  "--disk-low-water",
  "off",
  "--test-hooks",
  "--arena-bytes",
  "4MiB",
];

/** One session with those who write to it. */
interface Target {
  readonly id: string;
  readonly history: History;
  readonly producers: readonly Producer[];
}

function targetsOf(random: Random): Target[] {
  const kinds = [
    [{ countMax: 40 }, { countMax: 40 }],
    [{ countMax: 500, padding: 8000 }],
    [
      { countMax: 60, isKeyed: true },
      { countMax: 60, isKeyed: true },
    ],
    [{ countMax: 30, ack: "synced" }],
    [{ countMax: 5, isKeyed: true, ack: "synced" }, { countMax: 3 }],
  ] as const;
  return kinds.map((options) => {
    const id = freshSessionId();
    const history = new History();
    const producers = options.map(
      (option, index) => new Producer({ name: `p${index}`, session: id, history, random, ...option }),
    );
    return { id, history, producers };
  });
}

/** Loads the server until `enough` batches were answered, then kills it while the rest is under way. */
async function loadAndKill(server: TestServer, targets: readonly Target[], enough: number): Promise<number> {
  let answered = 0;
  let isOver = false;
  const noise = makeNoise(server, () => isOver);
  const loops = targets.flatMap(({ producers }) =>
    producers.map(async (producer) => {
      while (!isOver) if (await producer.sendOne(server)) answered++;
    }),
  );
  await until("enough answers", () => answered >= enough);
  await server.kill();
  isOver = true;
  await Promise.all([...loops, noise]);
  return answered;
}

/** Sessions that come, change and go beside the load, so that small files are being written too. */
async function makeNoise(server: TestServer, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    try {
      const id = await server.session({ appname: "noise", metadata: { text: "m".repeat(2000) } });
      await server.append(id, [{ message: "noise" }]);
      await server.call("PUT", `/sessions/${id}/readers/r`, { body: { cursor: 0 } });
      await server.call("DELETE", `/sessions/${id}`);
      await server.call("DELETE", `/sessions/${id}?purge=true`);
    } catch {
      // The server is being killed.
    }
  }
}

/** Kills the server before it says that it listens. Returns whether it was still starting. */
async function killInStart(server: TestServer, random: Random): Promise<boolean> {
  const started = server.start().then(
    () => true,
    () => false,
  );
  const endMs = performance.now() + random.whole(100, 600);
  await until("a moment of the start", () => performance.now() > endMs);
  await server.kill();
  return !(await started);
}

async function reopen(server: TestServer, targets: readonly Target[]): Promise<void> {
  for (const { id } of targets) await server.session({}, id);
}

test(`P2: after ${cycleCount} times kill -9 everything acknowledged is stored, once and in order`, async (t) => {
  const random = randomOf(seedOfRun());
  const server = await serverFor(t, { flags });
  const targets = targetsOf(random);
  let answered = 0;
  let startKills = 0;
  for (let cycle = 1; cycle <= cycleCount; cycle++) {
    await reopen(server, targets);
    answered += await loadAndKill(server, targets, random.whole(3, 60));
    for (let again = random.whole(0, 2); again > 0; again--) if (await killInStart(server, random)) startKills++;
    await server.start();
    if (cycle % 10 === 0 || cycle === cycleCount)
      for (const { id, history } of targets)
        history.check(await server.readAll(id), `seed ${random.seed}, cycle ${cycle}, session ${id}`);
  }
  await finishKeyed(server, targets);
  for (const { id, history } of targets) history.check(await server.readAll(id), `seed ${random.seed}, session ${id}`);
  await server.stop();
  report(t, server, targets, { random, answered, startKills });
});

/** Batches with keys whose answer was lost are sent again until each is acknowledged. */
async function finishKeyed(server: TestServer, targets: readonly Target[]): Promise<void> {
  await reopen(server, targets);
  for (const producer of targets.flatMap(({ producers }) => producers))
    assert.ok(await producer.send(server, producer.sentCount));
  const keyed = targets.flatMap(({ history }) => history.batches.filter((batch) => batch.isKeyed));
  assert.ok(keyed.every((batch) => batch.outcome === "acknowledged"));
}

function report(
  t: { diagnostic(text: string): void },
  server: TestServer,
  targets: readonly Target[],
  { random, answered, startKills }: { random: Random; answered: number; startKills: number },
): void {
  const torn = [...server.log.matchAll(/a torn write of \d+ bytes was cut/g)].length;
  const stored = targets.reduce((sum, { history }) => sum + history.storedUnknown, 0);
  const lost = targets.reduce((sum, { history }) => sum + history.lostUnknown, 0);
  t.diagnostic(
    `figures: seed ${random.seed}, ${cycleCount} kills under load, ${startKills} in a start, ${answered} batches answered`,
  );
  t.diagnostic(`figures: ${torn} torn writes cut, ${stored} batches stored without an answer, ${lost} unanswered and not stored`);
  assert.ok(torn + stored + startKills >= cycleCount / 3, "a third of the kills lands in an append, a roll or a start");
  const verify = spawnSync(process.execPath, [
    fileURLToPath(new URL("../../main.js", import.meta.url)),
    "verify",
    server.dataDir,
  ]);
  assert.equal(verify.status, 0, String(verify.stdout) + String(verify.stderr));
}
