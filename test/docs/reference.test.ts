/** `schema/README.md` against the program: errors, limits, routes, and the messages that it shows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "#src/config.ts";
import { settingsSchema } from "#src/server/settings.ts";
import { errorStatus } from "#src/wire/outcome.ts";
import { LiveSocket, type Told } from "../harness/live-socket.ts";
import { sharedServer } from "../harness/server.ts";
import { operations, packageText } from "./openapi.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });
const page = packageText("schema/README.md");

/** Returns the cells of the tables' rows below a heading, without the heads. */
function rowsBelow(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("| ") && !/^\| (---|-+:)/.test(line));
  return lines.slice(1).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test("the table of errors has every code with its status", () => {
  const rows = rowsBelow("Errors").map(([status, code]) => [(code ?? "").replaceAll("`", ""), Number(status)]);
  assert.deepEqual(Object.fromEntries(rows), errorStatus);
});

function sizeText(bytes: number): string {
  return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
}

function countText(count: number): string {
  return count.toLocaleString("en-US");
}

test("the table of limits has the values of the program", () => {
  const expected = {
    "body of a batch": sizeText(settingsSchema.parse({}).bodyLimit),
    "body after decompression": sizeText(limits.bodyInflatedSizeBytesMax),
    "one entry": sizeText(limits.entrySizeBytesMax),
    "fields of one entry": countText(limits.fieldCountMax),
    "nesting of JSON": countText(limits.jsonDepthMax),
    "rendered message": sizeText(limits.messageSizeBytesMax),
    "metadata of a session": sizeText(limits.metadataSizeBytesMax),
    "name, mode, platform, jobid": `${limits.sessionTextLengthMax} characters`,
    "body of any other request": sizeText(limits.controlBodySizeBytesMax),
    "entries of a page": countText(limits.pageEntryCountMax),
    "bytes of a page": sizeText(limits.pageSizeBytesMax),
    "entries of a delta": countText(limits.deltaEntryCountMax),
    "bytes of a delta": sizeText(limits.deltaSizeBytesMax),
    "subscriptions of a socket": countText(limits.subscriptionCountMax),
    sockets: countText(limits.socketCountMax),
    "unanswered appends of a socket": countText(limits.socketCreditCount),
    "readers of a session": countText(limits.readerCountMax),
    lease: `${countText(limits.leaseMsMax)} ms`,
    wait: `${countText(limits.waitMsMax)} ms`,
  };
  assert.deepEqual(Object.fromEntries(rowsBelow("Limits").map(([what, value]) => [what, value])), expected);
});

test("every route is on the page", () => {
  const missing = operations.filter(
    ({ path }) => !page.includes(path) && !page.includes(path.replace(/^.*\{name\}/, "…/{name}")),
  );
  assert.deepEqual(
    missing.map(({ path }) => path),
    ["/dashboard/{file}"],
  );
});

/** The lines of the n-th JSON block below the heading of the WebSocket. */
function messages(index: number): Record<string, unknown>[] {
  const section = page.split("\n## Live: WebSocket")[1] ?? "";
  const block = [...section.matchAll(/```json\n([\s\S]*?)```/g)][index]?.[1] ?? "";
  return block
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("the server takes the messages that the page shows, and answers with those that it shows", async () => {
  const session = await server.session();
  const live = await LiveSocket.open(server.url);
  const answers: Readonly<Record<string, Told["type"]>> = { subscribe: "subscribed", sessions: "sessions", append: "ack" };
  for (const message of messages(0)) {
    live.send("session" in message ? { ...message, session } : message);
    const answer = answers[String(message["type"])];
    if (answer === undefined) continue;
    const told = (await live.next(answer)) as unknown as Record<string, unknown>;
    const shown = messages(1).find(({ type }) => type === answer) ?? {};
    assert.deepEqual(Object.keys(told).sort(), Object.keys(shown).sort());
  }
  assert.deepEqual(
    live.messages.filter(({ type }) => type === "error"),
    [],
  );
  await live.close();
});
