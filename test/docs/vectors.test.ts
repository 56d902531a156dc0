/** The golden vectors of `schema/vectors` against the running server: what is sent, what is answered, what is read back. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { entriesOfFrame } from "#src/wire/entry-objects.ts";
import { readDeltaFrame } from "#src/wire/frame.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { sharedServer, type TestServer } from "../harness/server.ts";
import { packageRoot, packageText } from "./openapi.ts";

interface BatchVector {
  readonly title: string;
  readonly content_type: string;
  readonly content_encoding?: string;
  readonly body?: string;
  readonly body_base64?: string;
  readonly status: number;
  readonly answer?: object;
  /** Without its message, which is for people. */
  readonly error?: object;
  /** What is read back, byte for byte; a timestamp `*` is the time of receipt. */
  readonly ndjson?: readonly string[];
}

interface AppendVector {
  readonly title: string;
  readonly frame_base64: string;
  readonly session: string;
  readonly ack: object;
  readonly ndjson: readonly string[];
}

interface DeltaVector {
  readonly title: string;
  readonly frame_base64: string;
  readonly id: number;
  readonly from: number;
  readonly cursor: number;
  readonly head: number;
  readonly ndjson: readonly string[];
}

const server = sharedServer({ flags: ["--log-level", "error"] });
const frames = vectorsOf("frames") as { readonly append: readonly AppendVector[]; readonly delta: readonly DeltaVector[] };
const forms = ["json", "ndjson", "text", "binary", "compressed"];

function vectorsOf(name: string): unknown {
  return JSON.parse(packageText(`schema/vectors/${name}.json`));
}

async function readBack(from: TestServer, id: string): Promise<string[]> {
  const answer = await from.call("GET", `/sessions/${id}/log?cursor=0&format=ndjson`);
  return answer.text.split("\n").slice(0, -1);
}

function withoutTime(line: string): string {
  return line.replace(/("timestamp":")[^"]*/, "$1*");
}

test("every file of vectors is looked at", () => {
  const names = readdirSync(fileURLToPath(new URL("schema/vectors", packageRoot)));
  assert.deepEqual(names.sort(), [...forms, "frames"].map((name) => `${name}.json`).sort());
});

for (const form of forms) {
  for (const vector of vectorsOf(form) as BatchVector[]) {
    test(`a batch as its vector says, ${form}: ${vector.title}`, async () => {
      const id = await server.session();
      const body = vector.body_base64 === undefined ? (vector.body ?? "") : Buffer.from(vector.body_base64, "base64");
      const encoding = vector.content_encoding === undefined ? {} : { "content-encoding": vector.content_encoding };
      const headers = { "content-type": vector.content_type, ...encoding };
      const answer = await server.call("POST", `/sessions/${id}/log`, { body, headers });
      assert.equal(answer.status, vector.status, answer.text);
      if (vector.error === undefined) assert.deepEqual(answer.json(), vector.answer);
      else assert.deepEqual({ ...answer.error, message: "" }, { ...vector.error, message: "" });
      const expected = vector.ndjson ?? [];
      const found = await readBack(server, id);
      assert.deepEqual(
        found.map((line, index) => (expected[index]?.includes('"timestamp":"*"') ? withoutTime(line) : line)),
        expected,
      );
    });
  }
}

for (const vector of frames.append) {
  test(`an append frame is taken: ${vector.title}`, async () => {
    await server.session({}, vector.session);
    const before = (await readBack(server, vector.session)).length;
    assert.equal(before, 0);
    const live = await LiveSocket.open(server.url, ["tailrace.flatbuffers.v1"]);
    live.socket.send(Buffer.from(vector.frame_base64, "base64"));
    assert.deepEqual(await live.next("ack"), vector.ack);
    assert.deepEqual(await readBack(server, vector.session), vector.ndjson);
    await live.close();
    await server.call("DELETE", `/sessions/${vector.session}`);
    await server.call("DELETE", `/sessions/${vector.session}?purge=true`);
  });
}

for (const vector of frames.delta) {
  test(`a delta frame holds its entries: ${vector.title}`, () => {
    const bytes = new Uint8Array(Buffer.from(vector.frame_base64, "base64"));
    const frame = readDeltaFrame(bytes);
    assert.ok(frame !== undefined);
    const { id, from, cursor, head } = frame;
    assert.deepEqual({ id, from, cursor, head }, { id: vector.id, from: vector.from, cursor: vector.cursor, head: vector.head });
    assert.deepEqual(
      entriesOfFrame(bytes, frame),
      vector.ndjson.map((line) => JSON.parse(line)),
    );
  });
}
