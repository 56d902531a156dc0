import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { program, startCommand } from "./processes.ts";

const directory = mkdtempSync(join(tmpdir(), "tailrace-test-"));
after(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function demo(...args: string[]) {
  return startCommand(process.execPath, [program, "demo", ...args], { env: { TMPDIR: directory } }).result();
}

const leftOver = () => readdirSync(directory).filter((name) => name.startsWith("tailrace-"));

test("the demo gives every file back byte for byte, and cleans up", async () => {
  const files = [
    file("crlf.log", "one\r\ntwo\r\n\r\nlone \r inside\r\n"),
    file("no-end.log", "first\n\n\nlast without a line feed"),
    file("empty.log", ""),
    file("only-line-feeds.log", "\n\n\n"),
    file("script.log", "\ufeff夜の街 \u0000\x1b[31m\u202e e\u0301 👩‍💻\n".repeat(3000)),
    file("long.log", `${"x".repeat(200_000)}\nshort\n`),
  ];
  const { code, stdout, stderr } = await demo("--json", ...files);
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout) as { entries: number; sources: { name: string; entries: number; difference?: string }[] };
  assert.deepEqual(
    result.sources.map(({ name, entries, difference }) => [name, entries, difference]),
    [
      ["crlf.log", 4, undefined],
      ["no-end.log", 4, undefined],
      ["empty.log", 0, undefined],
      ["only-line-feeds.log", 3, undefined],
      ["script.log", 3000, undefined],
      ["long.log", 2, undefined],
    ],
  );
  assert.deepEqual(leftOver(), []);
});

test("the demo without files sends generated logs, and reports for people", async () => {
  const { code, stdout, stderr } = await demo("--entries", "5000");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^LOG +ENTRIES +SIZE +TIME +ENTRIES\/S +READ BACK\n/);
  assert.match(stdout, /^total +20,000 .* identical$/m);
  assert.match(stdout, /^followed live: 5,000 entries of plain-1, each once, in order$/m);
  assert.deepEqual(leftOver(), []);
});

test("the demo refuses what it could not send exactly, before it starts a server", async () => {
  const latin = await demo(file("latin1.log", Buffer.from([0x61, 0xe9, 0x0a])));
  assert.deepEqual([latin.code, latin.stdout], [1, ""]);
  assert.match(latin.stderr, /latin1\.log is not UTF-8/);
  const long = await demo(file("too-long.log", `ok\n${"x".repeat(300_000)}\n`));
  assert.equal(long.code, 1);
  assert.match(long.stderr, /too-long\.log line 2 has more than 262144 bytes/);
  const missing = await demo(join(directory, "missing.log"));
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /ENOENT/);
});
