import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { linesOf, program, startCommand, useServer } from "./processes.ts";

const bench = useServer();
const directory = mkdtempSync(join(tmpdir(), "tailrace-test-"));
after(() => rmSync(directory, { recursive: true, force: true }));

/** Asks bash what it would offer after `words`, as it does when tab is pressed. */
async function offered(...words: string[]): Promise<string[]> {
  const script = join(directory, "tailrace.bash");
  writeFileSync(script, await bench.output(["completion", "bash"]));
  writeFileSync(join(directory, "tailrace"), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, { mode: 0o755 });
  const list = ["tailrace", ...words].map((word) => `'${word}'`).join(" ");
  const ask = `source '${script}'; COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _tailrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { PATH: `${directory}${delimiter}${process.env["PATH"] ?? ""}`, TAILRACE_URL: bench.server.url };
  const { stdout, stderr } = await startCommand("bash", ["-c", ask], { env }).result();
  assert.equal(stderr, "");
  return linesOf(stdout).filter((line) => line !== "");
}

test("bash completes commands, flags, choices and session ids", async () => {
  const id = await bench.session(["a"]);
  assert.deepEqual(await offered("ex"), ["export"]);
  assert.ok((await offered("tail", "--")).includes("--follow"));
  assert.deepEqual((await offered("ls", "--status", "")).sort(), ["active", "all", "ended"]);
  assert.deepEqual(await offered("show", id.slice(0, 20)), [id]);
});

test("zsh and fish get scripts that name every command", async () => {
  for (const shell of ["zsh", "fish"]) {
    const script = await bench.output(["completion", shell]);
    for (const name of ["serve", "ls", "tail", "send", "export", "verify"]) assert.match(script, new RegExp(`\\b${name}\\b`));
    assert.ok(script.includes("complete-sessions"));
  }
  assert.equal((await bench.run(["completion", "tcsh"])).code, 2);
});

test("completion of sessions stays silent when there is no server", async () => {
  const { code, stdout, stderr } = await bench.run(["complete-sessions", "--url", "http://127.0.0.1:1"]);
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
});
