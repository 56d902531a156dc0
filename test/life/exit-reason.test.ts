import assert from "node:assert/strict";
import { test } from "node:test";
import { exitReason } from "#src/server/exit-reason.ts";
import { isRefusal } from "#src/server/query-input.ts";

function reasonOf(query: string, platform?: string): string {
  const reason = exitReason(new URLSearchParams(query), platform);
  return isRefusal(reason) ? `${reason.code}: ${reason.message}` : reason;
}

const windowsCodes = [
  ["0xC000013A", "interrupted (Ctrl-C)"],
  ["0xC0000005", "access violation"],
  ["0xC000001D", "illegal instruction"],
  ["0xC0000094", "integer divide by zero"],
  ["0xC0000096", "privileged instruction"],
  ["0xC00000FD", "stack overflow"],
  ["0xC0000409", "stack buffer overrun"],
  ["0xC0000374", "heap corruption"],
  ["0xC0000135", "DLL not found"],
  ["0xC0000142", "DLL initialization failed"],
  ["0xC000007B", "invalid image format"],
  ["0xC0000420", "assertion failure"],
  ["0xC0000008", "invalid handle"],
  ["0xC000008E", "float divide by zero"],
  ["0xC0000091", "float overflow"],
  ["0xC0000093", "float underflow"],
  ["0x80000003", "breakpoint"],
  ["0x40000015", "fatal app exit"],
] as const;

test("exit codes of Windows are put in words, whether they come as hex, decimal or signed", () => {
  for (const [hex, words] of windowsCodes) {
    const expected = `process exited (${words}, exit code ${hex})`;
    for (const platform of ["Windows", "Win64", "win32", "WinGDK", "XSX"]) {
      assert.equal(reasonOf(`exit_code=${hex}`, platform), expected);
      assert.equal(reasonOf(`exit_code=${hex.toLowerCase()}`, platform), expected);
      assert.equal(reasonOf(`exit_code=${Number(hex)}`, platform), expected);
      assert.equal(reasonOf(`exit_code=${Number(hex) | 0}`, platform), expected);
    }
  }
});

test("other exit codes of Windows are hex when the high bit is set and decimal otherwise", () => {
  for (const [code, shown] of [
    ["0", "0"],
    ["3", "3"],
    ["0x7fffffff", "2147483647"],
    ["137", "137"],
    ["0x80000000", "0x80000000"],
    ["0xDEADBEEF", "0xDEADBEEF"],
    ["-1", "0xFFFFFFFF"],
  ] as const) {
    assert.equal(reasonOf(`exit_code=${code}`, "Windows"), `process exited (exit code ${shown})`);
  }
});

test("elsewhere 128 and more names the signal, in the numbers of the platform", () => {
  for (const [code, platform, words] of [
    ["137", "Linux", "SIGKILL, exit code 137"],
    ["139", "linux", "SIGSEGV, exit code 139"],
    ["134", "Darwin", "SIGABRT, exit code 134"],
    ["135", "Linux", "SIGBUS, exit code 135"],
    ["138", "macOS", "SIGBUS, exit code 138"],
    ["0x8f", undefined, "SIGTERM, exit code 143"],
    ["128", "Linux", "exit code 128"],
    ["200", "Linux", "exit code 200"],
    ["3", "Linux", "exit code 3"],
    ["0xC0000005", "Linux", "exit code 0xC0000005"],
  ] as const) {
    assert.equal(reasonOf(`exit_code=${code}`, platform), `process exited (${words})`);
  }
});

test("an exit code that is no number of 32 bits is refused", () => {
  for (const code of ["", "x", "0x", "1.5", "1e3", "4294967296", "-2147483649", "0x100000000", " 3"]) {
    assert.match(reasonOf(`exit_code=${encodeURIComponent(code)}`, "Windows"), /^invalid_query: .*32 bits/);
  }
});

test("a reason of the client's own is kept as it is up to 200 characters", () => {
  assert.equal(reasonOf(""), "client request");
  assert.equal(reasonOf("reason="), "client request");
  assert.equal(reasonOf("reason=out+of%20coffee"), "out of coffee");
  // Characters, not the units that they take.
  for (const character of ["x", "ü", "😀"]) {
    assert.equal(reasonOf(`reason=${encodeURIComponent(character.repeat(200))}`), character.repeat(200));
    assert.match(reasonOf(`reason=${encodeURIComponent(character.repeat(201))}`), /^invalid_query: .*201.*200/);
  }
});
