import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createProgram } from "#src/cli/program.ts";
import { displayWidth } from "#src/cli/width.ts";
import type { SessionList, SessionObject } from "#src/wire/api.ts";
import { linesOf, useServer } from "./processes.ts";

const bench = useServer();

test("ls shows active sessions before ended ones, newest first, and stays aligned with wide names", async () => {
  const old = await bench.session(["a", "b"], { appname: "Editor", mode: "夜の街", platform: "Windows" });
  await bench.client.endSession(old);
  const active = await bench.session(["a"], { appname: "Città", mode: "👩‍💻" });
  const lines = linesOf(await bench.output(["ls"]));
  const at = (id: string) => lines.findIndex((line) => line.startsWith(id));
  assert.match(lines[0] ?? "", /^SESSION +STATUS +APP\/MODE +PLATFORM +PID +CREATED +DURATION +ENTRIES$/);
  assert.ok(at(active) > 0 && at(active) < at(old));
  assert.match(lines[at(old)] ?? "", /ended +Editor\/夜の街 +Windows .* 3$/);
  assert.equal(new Set(lines.map(displayWidth)).size, 1);
});

test("ls filters, limits and prints JSON", async () => {
  for (let index = 0; index < 3; index++) await bench.session([], { appname: "many", platform: "Linux" });
  const all = await bench.json<SessionList>(["ls", "--app", "many", "--platform", "Linux"]);
  assert.equal(all.sessions.length, 3);
  assert.equal(all.total, 3);
  const { stdout, stderr } = await bench.run(["ls", "--app", "many", "--limit", "2"]);
  assert.equal(linesOf(stdout).length, 3);
  assert.match(stderr, /2 of 3 sessions/);
  const none = await bench.run(["ls", "--app", "nothing like this"]);
  assert.deepEqual([none.code, none.stdout, none.stderr], [0, "", "no sessions\n"]);
});

test("show tells everything about a session, by the start of its id too", async () => {
  const id = await bench.session(["a"], { appname: "Shown", mode: "Game", metadata: { branch: "main", n: [1, 2] } });
  const text = await bench.output(["show", id.slice(0, 23)]);
  assert.match(text, new RegExp(`^id +${id}$`, "m"));
  assert.match(text, /^app +Shown$/m);
  assert.match(text, /"branch": "main"/);
  const session = await bench.json<SessionObject>(["show", id.toUpperCase()]);
  assert.deepEqual(session.metadata, { branch: "main", n: [1, 2] });
});

test("an ambiguous or unknown beginning of an id fails and says what there is; nonsense is wrong usage", async () => {
  const ids = ["abcdef000000000000000001", "abcdef000000000000000002"];
  for (const id of ids) await bench.client.openSession(id, {});
  const ambiguous = await bench.run(["show", "abcdef"]);
  assert.equal(ambiguous.code, 1);
  for (const id of ids) assert.ok(ambiguous.stderr.includes(id));
  assert.equal(ambiguous.stdout, "");
  const unknown = await bench.run(["end", "99999999"]);
  assert.deepEqual([unknown.code, unknown.stdout], [1, ""]);
  assert.match(unknown.stderr, /no session begins with 99999999/);
  assert.equal((await bench.run(["show", "xyz"])).code, 2);
  assert.equal((await bench.run(["show", "f".repeat(24)])).code, 1);
});

test("a whole id that the server does not know fails in the words of the command line", async () => {
  const { code, stderr } = await bench.run(["show", "0123456789abcdef01234567"]);
  assert.equal(code, 1);
  assert.equal(stderr, 'tailrace: Session 0123456789abcdef01234567 is not known; "tailrace ls" lists what there is\n');
});

test("end ends, a second time too, and --purge removes the data", async () => {
  const id = await bench.session(["a"]);
  assert.equal(await bench.output(["end", id]), `ended ${id}\n`);
  assert.equal((await bench.client.getSession(id)).end_reason, "client request");
  assert.equal((await bench.json<SessionObject>(["end", id])).status, "ended");
  assert.equal(await bench.output(["end", id, "--purge"]), `ended and removed ${id}\n`);
  await assert.rejects(bench.client.getSession(id), { code: "session_not_found" });
});

test("archive compresses an ended session, which stays readable, and restore undoes it", async () => {
  const id = await bench.session(Array.from({ length: 2000 }, (_, index) => `the same words again and again ${index}`));
  const refused = await bench.run(["archive", id]);
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  await bench.client.endSession(id);
  assert.match(await bench.output(["archive", id]), new RegExp(`^archived ${id} \\(.+ → .+\\)\n$`));
  assert.equal(linesOf(await bench.output(["tail", id, "-n", "3000"])).length, 2001);
  assert.equal((await bench.json<SessionObject>(["restore", id])).archived, false);
  assert.equal((await bench.run(["restore", id])).code, 1);
});

test("prune says what retention would remove and removes it", async () => {
  assert.match(await bench.output(["prune", "--dry-run"]), /^would remove 0 sessions, 0 B\n$/);
  assert.match(await bench.output(["prune"]), /^removed 0 sessions/);
  assert.equal(typeof (await bench.json<{ bytes: number }>(["prune"])).bytes, "number");
});

test("status shows counts, disk and memory", async () => {
  const text = await bench.output(["status"]);
  assert.ok(text.startsWith(`server ${bench.server.url}\n`));
  assert.match(text, /^active +\d+$/m);
  const stats = await bench.json<{ self_id: string; counters: { read: number } }>(["status"]);
  assert.equal(typeof stats.counters.read, "number");
  assert.match(stats.self_id, /^[0-9a-f]{24}$/);
});

test("the server's address comes from the flag, else the environment, else the settings file", async () => {
  const config = join(bench.directory, "settings.json");
  writeFileSync(config, JSON.stringify({ url: bench.server.url, somethingElse: 1 }));
  const nowhere = "http://127.0.0.1:1";
  const run = (args: string[], env: Record<string, string>) => bench.run(["ls", ...args], { env });
  assert.equal((await run(["--config", config], { TAILRACE_URL: "" })).code, 0);
  assert.equal((await run(["--config", config], { TAILRACE_URL: nowhere })).code, 1);
  assert.equal((await run(["--config", config, "--url", bench.server.url], { TAILRACE_URL: nowhere })).code, 0);
  assert.equal((await run(["--config", join(bench.directory, "missing.json")], {})).code, 2);
});

test("wrong usage is 2, a server that is not there is 1 and says what to do", async () => {
  for (const args of [["nonsense"], ["ls", "--status", "odd"], ["show"], ["ls", "--url", "ftp://x"]]) {
    const { code, stdout } = await bench.run(args);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
  }
  const away = await bench.run(["ls", "--url", "http://127.0.0.1:1"]);
  assert.deepEqual([away.code, away.stdout], [1, ""]);
  assert.match(away.stderr, /cannot reach http:\/\/127\.0\.0\.1:1: .*\n.*tailrace serve/);
});

test("wrong usage names the help of its command, and the help names the exit codes", async () => {
  const { code, stderr } = await bench.run(["ls", "--limit", "many"]);
  assert.equal(code, 2);
  assert.match(stderr, /^tailrace: option '--limit <count>'.*\n"tailrace ls --help" shows how it is used\.\n$/);
  assert.match((await bench.run(["lss"])).stderr, /^tailrace: unknown command 'lss'\n\(Did you mean ls\?\)\n"tailrace --help"/);
  assert.match(await bench.output(["--help"]), /Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted\./);
});

test("every command has help with examples", async () => {
  assert.match(await bench.output(["tail", "--help"]), /Examples:\n {2}tailrace tail -f/);
  const commands = createProgram().commands.filter((command) => command.name() !== "complete-sessions");
  assert.ok(commands.length >= 17);
  for (const command of commands) {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    assert.match(help, /Examples:\n {2}.*(tailrace|npm)/, command.name());
  }
});

test("ui opens the dashboard's address with the browser that BROWSER names", async () => {
  const url = `${bench.server.url}/dashboard/`;
  assert.equal(await bench.output(["ui"], { env: { BROWSER: "true" } }), `${url}\n`);
  assert.deepEqual(await bench.json(["ui"], { env: { BROWSER: "true" } }), { url });
  const missing = await bench.run(["ui"], { env: { BROWSER: "/nonexistent/browser" } });
  assert.deepEqual([missing.code, missing.stdout], [0, `${url}\n`]);
  assert.match(missing.stderr, /no browser/);
});
