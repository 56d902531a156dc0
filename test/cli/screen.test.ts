import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { displayWidth } from "#src/cli/width.ts";
import { linesOf, program, startCommand, useServer } from "./processes.ts";

const bench = useServer();

/** Runs the program on a pseudo-terminal and returns what that shows, and the exit code. */
async function onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}, columns = 100) {
  const quoted = [process.execPath, program, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const settings = { TERM: "xterm-256color", TAILRACE_URL: bench.server.url, ...env };
  const { code, stdout } = await startCommand("script", ["-qec", `stty cols ${columns}; ${quoted}`, "/dev/null"], {
    env: settings,
  }).result();
  return { code, screen: stdout.replaceAll("\r\n", "\n") };
}

const hostile = "\x1b[2J\x1b]0;owned\x07 back\rover \x9b31m user\u202egnp.exe";

test("C3: log text cannot act on a terminal, and a pipe gets it as it is", async () => {
  const id = await bench.session([{ message: hostile, logger: "a\x1b[31mb" }]);
  const { code, screen } = await onTerminal(["tail", id], { NO_COLOR: "1" });
  assert.equal(code, 0);
  assert.match(screen, /\[a\\x1b\[31mb\] \\x1b\[2J\\x1b\]0;owned\\x07 back\\rover \\x9b31m user\\u202egnp\.exe\n/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is shown is what is tested
  assert.doesNotMatch(screen, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  assert.ok((await bench.output(["tail", id])).includes(hostile));
});

test("JSON and exports on a terminal are harmless too", async () => {
  const id = await bench.session([{ message: hostile }]);
  for (const args of [
    ["tail", id, "--json"],
    ["grep", id, "back", "--json"],
    ["export", id],
    ["export", id, "--format", "csv"],
  ]) {
    const { code, screen } = await onTerminal(args, { NO_COLOR: "1" });
    assert.equal(code, 0);
    assert.match(screen, /user\\u202egnp\.exe/, args.join(" "));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is shown is what is tested
    assert.doesNotMatch(screen, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/, args.join(" "));
  }
});

test("names of sessions cannot act on a terminal either", async () => {
  const id = await bench.session([], { appname: "evil\x1b[2J\nname", metadata: { note: "\x1b[5m" } });
  for (const args of [["ls"], ["show", id], ["show", id, "--json"]]) {
    const { screen } = await onTerminal(args, { NO_COLOR: "1" });
    assert.ok(!screen.includes("\x1b"), args.join(" "));
  }
  assert.ok((await bench.output(["ls"])).split("\n").some((line) => line.startsWith(id) && line.includes("evil\\x1b[2J\\nname")));
});

test("ls stays within the terminal when names are long, and tells a pipe all of them", async () => {
  const appname = "アプリ".repeat(30);
  const id = await bench.session([], { appname, platform: "platform".repeat(9) });
  const { screen } = await onTerminal(["ls"], { NO_COLOR: "1" }, 120);
  const line = screen.split("\n").find((text) => text.startsWith(id)) ?? "";
  assert.ok(line.includes("アプリ") && line.includes("…"));
  assert.ok(displayWidth(line) <= 120, line);
  assert.ok((await bench.output(["ls"])).includes(appname));
});

test("a terminal gets colours and marked matches unless NO_COLOR forbids", async () => {
  const id = await bench.session([{ level: "error", message: "a Needle here" }]);
  const { screen } = await onTerminal(["grep", id, "needle"]);
  assert.ok(screen.includes("\x1b[31merr\x1b[0m"));
  assert.match(screen.replaceAll("\x1b", "^"), /a \^\[91m\^\[1mNeedle\^\[0m\^\[0m here/);
  assert.ok(!(await onTerminal(["grep", id, "needle"], { NO_COLOR: "1" })).screen.includes("\x1b"));
  assert.ok(!(await bench.output(["grep", id, "needle"])).includes("\x1b"));
});

test("export shows a bar on a terminal while it writes a file, and the file has none of it", async () => {
  const id = await bench.session([]);
  for (let part = 0; part < 3; part++)
    await bench.append(
      id,
      Array.from({ length: 10_000 }, (_, index) => `entry ${index}`),
    );
  const file = join(bench.directory, "bar.ndjson");
  const { code, screen } = await onTerminal(["export", id, "-o", file]);
  assert.equal(code, 0);
  assert.match(screen, /export [0-9a-f]{8} .*100 %/);
  assert.match(screen, /bar\.ndjson: 30,000 entries/);
  assert.equal(linesOf(readFileSync(file, "utf8")).length, 30_000);
  assert.match((await onTerminal(["import", file])).screen, /import .*%.*30,000 entries imported/s);
});

test("Ctrl-C on the terminal ends a follow with 130", async () => {
  const id = await bench.session(["a"]);
  const command = `'${process.execPath}' '${program}' tail -f ${id} --url ${bench.server.url}`;
  const run = startCommand("script", ["-qec", command, "/dev/null"], { openInput: true });
  await run.until(({ stdout }) => stdout.includes(" a"));
  run.child.stdin?.write("\x03");
  assert.equal((await run.result()).code, 130);
});
