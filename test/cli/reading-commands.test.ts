import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { editorLog } from "#src/client/generator.ts";
import type { EntryObject } from "#src/wire/api.ts";
import { linesOf, program, startCommand, useServer } from "./processes.ts";

const bench = useServer();

const timestamp = "2026-11-20T10:00:00.123Z";

function messagesOf(ndjson: string): string[] {
  return linesOf(ndjson).map((line) => (JSON.parse(line) as EntryObject).message);
}

test("tail prints the newest entries as lines, and as JSON", async () => {
  const id = await bench.session([
    { timestamp, level: "info", logger: "LogNet", message: "one" },
    { timestamp, level: "error", message: "two\nlines" },
    { timestamp, message: "three" },
  ]);
  assert.equal(
    await bench.output(["tail", id, "-n", "2"]),
    "[26-11-20 10:00:00.123] [err] two\n    lines\n[26-11-20 10:00:00.123] three\n",
  );
  assert.equal(linesOf(await bench.output(["tail", id]))[0], "[26-11-20 10:00:00.123] [inf] [LogNet] one");
  const filtered = await bench.output(["tail", id, "--json", "--level", "info", "--logger", "LogNet", "--grep", "ONE"]);
  assert.deepEqual(messagesOf(filtered), ["one"]);
});

test("tail reads more than a page, filtered or not", async () => {
  const id = await bench.session([]);
  for (let part = 0; part < 3; part++) {
    await bench.append(
      id,
      Array.from({ length: 8000 }, (_, index) => ({
        level: index % 2 === 0 ? "info" : "warn",
        message: `${part * 8000 + index}`,
      })),
    );
  }
  const all = messagesOf(await bench.output(["tail", id, "-n", "23000", "--json"]));
  assert.equal(all.length, 23_000);
  assert.equal(all[0], "1000");
  const warnings = messagesOf(await bench.output(["tail", id, "-n", "11000", "--level", "warn", "--json"]));
  assert.equal(warnings.length, 11_000);
  assert.equal(warnings[0], "2001");
});

test("tail without a session reads the server's own log", async () => {
  assert.match(await bench.output(["tail"]), /\[inf\].*ready/i);
});

test("grep finds text in any letter case and shows what stands around it", async () => {
  const messages = Array.from({ length: 30 }, (_, index) => (index % 10 === 5 ? `Needle ${index}` : `hay ${index}`));
  const id = await bench.session(messages);
  assert.deepEqual(messagesOf(await bench.output(["grep", id, "nEEdle", "--json"])), ["Needle 5", "Needle 15", "Needle 25"]);
  const around = linesOf(await bench.output(["grep", id, "needle", "-B", "1", "-A", "2"]));
  assert.deepEqual(
    around.map((line) => line.replace(/^\[.*?\] /, "")),
    [
      "hay 4",
      "Needle 5",
      "hay 6",
      "hay 7",
      "--",
      "hay 14",
      "Needle 15",
      "hay 16",
      "hay 17",
      "--",
      "hay 24",
      "Needle 25",
      "hay 26",
      "hay 27",
    ],
  );
  const joined = linesOf(await bench.output(["grep", id, "needle", "-C", "5"]));
  assert.equal(joined.length, 30);
  const marked = linesOf(await bench.output(["grep", id, "needle", "-A", "1", "--json"])).map(
    (line) => JSON.parse(line) as { match: boolean },
  );
  assert.deepEqual(
    marked.map(({ match }) => match),
    [true, false, true, false, true, false],
  );
});

test("grep narrows by level and time, finds nothing without failing, and refuses nonsense", async () => {
  const id = await bench.session([
    { timestamp: "2026-11-20T10:00:00Z", level: "info", message: "x early" },
    { timestamp: "2026-11-20T11:00:00Z", level: "error", message: "x late" },
  ]);
  const found = async (...args: string[]) => messagesOf(await bench.output(["grep", id, "x", "--json", ...args]));
  assert.deepEqual(await found("--level", "warn"), ["x late"]);
  assert.deepEqual(await found("--until", "2026-11-20T10:30:00Z"), ["x early"]);
  assert.deepEqual(await found("--since", "2026-11-20T10:30:00Z"), ["x late"]);
  assert.equal(await bench.output(["grep", id, "nothing"]), "");
  assert.equal((await bench.run(["grep", id, ""])).code, 2);
  assert.equal((await bench.run(["grep", id, "x", "--since", "whenever"])).code, 2);
});

test("export and import are a round trip: text, levels, loggers, times, templates and fields", async () => {
  const next = editorLog({ seed: 5, structured: true });
  const plain = editorLog({ seed: 6, structured: false });
  const id = await bench.session(
    Array.from({ length: 600 }, (_, index) => {
      const { timeMs, message, fields, ...rest } = index % 2 === 0 ? next() : plain();
      if (fields === undefined) return { timestamp: timeMs, ...rest, message };
      return { timestamp: timeMs, ...rest, fields: JSON.parse(fields) as Record<string, unknown> };
    }),
  );
  await bench.append(id, [{ message: "", big: 1, seq: 77 }, { message: "\u0000\ud800 end" }]);
  await bench.client.append(id, "application/x-ndjson", '{"message":"digits","n":12345678901234567890.50}\n');
  const file = join(bench.directory, "run.ndjson");
  const { code, stderr, stdout } = await bench.run(["export", id, "-o", file]);
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(stderr, /run\.ndjson: 603 entries/);
  assert.ok(!existsSync(`${file}.partial`));
  const copy = (await bench.output(["import", file, "--app", "copy", "--keep"])).trim();
  assert.equal((await bench.client.getSession(copy)).appname, "copy");
  const original = readFileSync(file, "utf8");
  assert.match(original, /"n":12345678901234567890\.50/);
  assert.equal(await bench.output(["export", copy]), original);
  writeFileSync(`${file}.gz`, gzipSync(original));
  const second = await bench.json<{ session: string; entries: number }>(["import", `${file}.gz`, "--keep"]);
  assert.equal(second.entries, 603);
  assert.equal(await bench.output(["export", second.session]), original);
});

test("export writes CSV with one heading however many pages, and text", async () => {
  const id = await bench.session([]);
  for (let part = 0; part < 3; part++)
    await bench.append(
      id,
      Array.from({ length: 5000 }, (_, index) => ({ timestamp, message: `${index}` })),
    );
  const csv = (await bench.output(["export", id, "--format", "csv"])).split("\r\n");
  assert.equal(csv.length, 15_002);
  assert.equal(csv.filter((line) => line.startsWith("seq,")).length, 1);
  const text = linesOf(await bench.output(["export", id, "--format", "text"]));
  assert.equal(text.length, 15_000);
  assert.equal(text[0], "[2026-11-20 10:00:00.123] 0");
  const warnings = await bench.output(["export", id, "--level", "warn"]);
  assert.equal(warnings, "");
});

test("a pipe that closes early ends a command quietly", async () => {
  const id = await bench.session([]);
  for (let part = 0; part < 4; part++)
    await bench.append(
      id,
      Array.from({ length: 10_000 }, () => "x".repeat(50)),
    );
  for (const command of [`export ${id}`, `tail ${id} -n 40000`, `grep ${id} x`]) {
    const shell = `set -o pipefail; "${process.execPath}" "${program}" ${command} --url ${bench.server.url} | head -n 1; echo "codes \${PIPESTATUS[*]}"`;
    const { stdout, stderr } = await startCommand("bash", ["-c", shell]).result();
    assert.equal(stderr, "", command);
    assert.match(stdout, /codes 0 0\n$/, command);
  }
});

test("help that is piped to somebody who is gone ends quietly", async () => {
  for (const help of ["--help", "help grep", "--version"]) {
    const shell = `"${process.execPath}" "${program}" ${help} | true; echo "codes \${PIPESTATUS[*]}"`;
    const { stdout, stderr } = await startCommand("bash", ["-c", shell]).result();
    assert.deepEqual([stdout, stderr], ["codes 0 0\n", ""], help);
  }
});

test("import names the line that is no entry, and what was stored before it", async () => {
  const file = join(bench.directory, "bad.ndjson");
  writeFileSync(file, `{"message":"a"}\n\n{"message":"b"}\n{"message":\n`);
  const { code, stdout, stderr } = await bench.run(["import", file]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /bad\.ndjson line 4: .*0 entries before it/);
  assert.equal((await bench.run(["import", join(bench.directory, "missing")])).code, 1);
});

test("import of what is no file says why, and makes no session", async () => {
  const sessionCount = async () => (await bench.json<{ total: number }>(["ls"])).total;
  const before = await sessionCount();
  const directory = await bench.run(["import", bench.directory]);
  assert.equal(directory.code, 1);
  assert.match(directory.stderr, /is a directory/);
  const missing = await bench.run(["import", join(bench.directory, "missing.ndjson")]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /missing\.ndjson: there is no such file/);
  assert.equal(await sessionCount(), before);
});

test("an imported session has the name of its file unless another is given", async () => {
  const file = join(bench.directory, "night run.ndjson");
  writeFileSync(file, '{"message":"a"}\n');
  const nameOf = async (args: readonly string[]) =>
    (await bench.json<{ appname?: string }>(["show", (await bench.json<{ session: string }>(args)).session])).appname;
  assert.equal(await nameOf(["import", file]), "night run");
  assert.equal(await nameOf(["import", file, "--app", "cook"]), "cook");
});

test("export to a place that cannot be written fails and leaves nothing", async () => {
  const id = await bench.session(["a"]);
  const file = join(bench.directory, "no", "such", "place.ndjson");
  const { code, stderr } = await bench.run(["export", id, "-o", file]);
  assert.equal(code, 1);
  assert.match(stderr, /ENOENT/);
});

test("verify checks a data directory without a server: 0 when all is well, 1 with a report when not", async () => {
  const id = await bench.session(Array.from({ length: 500 }, (_, index) => `entry ${index}`));
  await bench.client.endSession(id);
  await bench.server.stop();
  const whole = await bench.run(["verify", bench.dataDir]);
  assert.equal(whole.code, 0, whole.stderr);
  assert.match(whole.stdout, /^\d+ sessions, .* entries, .* checked in/m);
  const directory = join(bench.dataDir, "sessions", id);
  const segment = join(directory, readdirSync(directory).find((name) => name.endsWith(".log")) ?? "");
  const bytes = readFileSync(segment);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(segment, bytes);
  const damaged = await bench.run(["verify"], { env: { TAILRACE_DATA_DIR: bench.dataDir } });
  assert.equal(damaged.code, 1);
  assert.match(damaged.stdout, new RegExp(`^damaged .*${id}`, "m"));
  assert.match(damaged.stderr, /damaged/);
  const config = join(bench.directory, "verify.json");
  writeFileSync(config, JSON.stringify({ dataDir: bench.dataDir }));
  const report = await bench.run(["verify", "--json", "--config", config]);
  assert.equal(report.code, 1);
  const { damaged: isDamaged, findings } = JSON.parse(report.stdout) as { damaged: boolean; findings: string[] };
  assert.ok(isDamaged && findings.length > 0);
  const missing = await bench.run(["verify", join(bench.directory, "missing")]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /there is no data directory .*missing/);
});
