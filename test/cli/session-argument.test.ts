import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveSession } from "#src/cli/session-argument.ts";
import { TailraceClient } from "#src/client/client.ts";

const first = "66f0aaaaaaaaaaaaaaaaaaaa";
const second = "66f0bbbbbbbbbbbbbbbbbbbb";

function clientWith(ids: readonly string[]): TailraceClient {
  const session = (id: string) => ({ id, status: "ended", appname: "Editor\x1b[2J", created_at: "2026-11-20T10:00:00.000Z" });
  const fetch = async (url: string) => {
    const { searchParams } = new URL(url);
    const found = ids.filter((id) => id.startsWith(searchParams.get("prefix") ?? ""));
    return Response.json({ sessions: found.slice(0, Number(searchParams.get("limit"))).map(session), total: found.length });
  };
  return new TailraceClient({ url: "http://model", fetch });
}

test("a whole id is taken without a question, in any letter case", async () => {
  assert.equal(await resolveSession(clientWith([]), first.toUpperCase()), first);
});

test("the beginning of an id is enough when only one session has it", async () => {
  assert.equal(await resolveSession(clientWith([first, second]), "66F0a"), first);
});

test("an ambiguous beginning fails with the matches, harmless on a terminal", async () => {
  await assert.rejects(resolveSession(clientWith([first, second]), "66f0"), (error: Error) => {
    assert.equal(error.name, "CommandError");
    assert.ok(error.message.includes(first) && error.message.includes(second));
    assert.match(error.message, /^2 sessions begin with 66f0/);
    assert.ok(!error.message.includes("\x1b"));
    return true;
  });
});

test("a long list of matches is cut and says so", async () => {
  const ids = Array.from({ length: 25 }, (_, index) => `66f0${String(index).padStart(20, "0")}`);
  await assert.rejects(resolveSession(clientWith(ids), "66f0"), /… and 15 more/);
});

test("an unknown beginning fails, and what is no id at all is wrong usage", async () => {
  await assert.rejects(resolveSession(clientWith([first]), "77aa"), { name: "CommandError" });
  for (const text of ["66f", "xyz1", "", "66f0aaaaaaaaaaaaaaaaaaaa0", "0".repeat(24), "../etc"]) {
    await assert.rejects(resolveSession(clientWith([first]), text), { name: "UsageError" }, text);
  }
});
