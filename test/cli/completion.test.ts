import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { linesOf, program, startCommand, useServer } from "./processes.ts";

const bench = useServer();
const directory = mkdtempSync(join(tmpdir(), "tailrace-test-"));
after(() => rmSync(directory, { recursive: true, force: true }));

/** Completes as the shell does when tab is pressed, but prints what it offers, and ends. */
const zshInit = `
fpath=(\${0:h} $fpath)
autoload -Uz compinit && compinit -u -D
bindkey '^I' complete-word
compadd() {
  local -a offered
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A offered "$@"
  print -rl -- "<"\${^offered}">"
  builtin compadd "$@"
}
comppostfuncs=(finish)
finish() { print "THE""END"; exit }
print "IT IS""READY"
`;

/** A real interactive zsh on a pseudo-terminal; \`zpty -r\` waits for the words that tell how far it is. */
const zshAsk = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source $1/init.zsh"
zpty -r shell out '*IT ISREADY*'
zpty -w -n shell "$2"$'\\t'
zpty -r shell out '*THEEND*'
print -r -- "$out"
`;

/** Where a shell looks for it: the program by its name, and its scripts. */
before(() => {
  const script = (shell: string) => spawnSync(process.execPath, [program, "completion", shell], { encoding: "utf8" }).stdout;
  writeFileSync(join(directory, "tailrace"), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, { mode: 0o755 });
  writeFileSync(join(directory, "tailrace.bash"), script("bash"));
  writeFileSync(join(directory, "_tailrace"), script("zsh"));
  writeFileSync(join(directory, "tailrace.fish"), script("fish"));
  writeFileSync(join(directory, "init.zsh"), zshInit);
  writeFileSync(join(directory, "ask.zsh"), zshAsk);
});

async function answerOf(command: string, args: readonly string[]): Promise<string[]> {
  const env = { PATH: `${directory}${delimiter}${process.env["PATH"] ?? ""}`, TAILRACE_URL: bench.server.url, HOME: directory };
  const { stdout, stderr } = await startCommand(command, args, { env }).result();
  assert.equal(stderr, "");
  return linesOf(stdout.replaceAll("\r\n", "\n"));
}

/** What each shell offers at the end of a line. */
const shells: Readonly<Record<string, (line: string) => Promise<string[]>>> = {
  bash: async (line) => {
    const words = line.split(" ").map((word) => `'${word}'`);
    const set = `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}`;
    const ask = `source '${directory}/tailrace.bash'; ${set}; _tailrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await answerOf("bash", ["-c", ask])).filter((found) => found !== "");
  },
  zsh: async (line) => {
    const shown = await answerOf("zsh", ["-f", join(directory, "ask.zsh"), directory, line]);
    return shown.flatMap((text) => [...text.matchAll(/<([^<>]+)>/g)].map((found) => found[1] ?? ""));
  },
  fish: async (line) => {
    const ask = `source '${directory}/tailrace.fish'; complete --do-complete '${line}'`;
    return (await answerOf("fish", ["--no-config", "-c", ask])).map((found) => found.split("\t")[0] ?? "");
  },
};

function mustHave(t: TestContext, shell: string): boolean {
  const isThere = spawnSync(shell, ["-c", "exit"]).error === undefined;
  if (!isThere) t.skip(`${shell} is not installed on this machine: its script was not tried`);
  return isThere;
}

for (const [shell, offered] of Object.entries(shells)) {
  test(`${shell} completes commands, flags, choices, words and session ids`, async (t) => {
    if (!mustHave(t, shell)) return;
    const id = await bench.session(["a"], { appname: "it's: a (name)" });
    assert.deepEqual(await offered("tailrace exp"), ["export"]);
    assert.deepEqual(await offered("tailrace tail --fo"), ["--follow"]);
    assert.deepEqual((await offered("tailrace ls --status ")).sort(), ["active", "all", "ended"]);
    assert.deepEqual((await offered("tailrace completion ")).sort(), ["bash", "fish", "zsh"]);
    assert.deepEqual(await offered("tailrace help verif"), ["verify"]);
    assert.deepEqual(await offered(`tailrace tail -f ${id.slice(0, 20)}`), [id]);
    assert.deepEqual(await offered("tailrace ls --app "), [], "nobody knows the names of programs");
  });
}

test("every shell's script names every command, and other shells have none", async () => {
  for (const shell of Object.keys(shells)) {
    const script = await bench.output(["completion", shell]);
    for (const name of ["serve", "ls", "tail", "send", "export", "verify"]) assert.match(script, new RegExp(`\\b${name}\\b`));
  }
  assert.equal((await bench.run(["completion", "tcsh"])).code, 2);
});

test("completion of sessions stays silent when there is no server", async () => {
  const { code, stdout, stderr } = await bench.run(["complete-sessions", "--url", "http://127.0.0.1:1"]);
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
});
