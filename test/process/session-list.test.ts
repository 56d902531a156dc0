/** Lists of sessions against the same filtering and sorting done on an array. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SessionList, SessionObject } from "#src/wire/api.ts";
import { sharedServer } from "../harness/server.ts";

const apps = ["Editor", "editor", "Cooker", undefined];
const modes = ["Game", "Server", undefined];
const parents = ["66f0000000000000000000aa", undefined];
let all: SessionObject[] = [];

const server = sharedServer({ flags: ["--log-level", "error"] }, async (server) => {
  for (let index = 0; index < 60; index++) {
    const id = `${(0x66f0 + (index % 3)).toString(16)}${index.toString(16).padStart(20, "0")}`;
    const body = {
      appname: apps[index % 4],
      mode: modes[index % 3],
      platform: index % 5 === 0 ? "Linux" : "Windows",
      jobid: index % 7 === 0 ? `job-${index}` : undefined,
      parent_session_id: parents[index % 2],
      metadata: { note: index % 11 === 0 ? "Needle in HAY" : "nothing" },
    };
    await server.call("POST", `/sessions/${id}`, { body });
    const entries = Array.from({ length: (index * 7) % 13 }, () => ({ message: "x".repeat(index) }));
    await server.append(id, entries);
    if (index % 4 === 1) await server.call("DELETE", `/sessions/${id}`);
  }
  all = (await server.call("GET", "/sessions/list?limit=10000")).json<SessionList>().sessions;
  assert.equal(all.length, 61);
});

type SortKey = "created" | "updated" | "ended" | "app" | "mode" | "platform" | "head" | "bytes";

interface ListQuery {
  status?: "active" | "ended" | "all";
  prefix?: string;
  app?: string;
  mode?: string;
  platform?: string;
  jobid?: string;
  parent?: string;
  q?: string;
  sort?: SortKey;
  order?: "asc" | "desc";
  offset?: number;
  limit?: number;
}

const sortValue: Readonly<Record<SortKey, (session: SessionObject) => string | number | undefined>> = {
  created: (session: SessionObject) => session.created_at,
  updated: (session: SessionObject) => session.updated_at,
  ended: (session: SessionObject) => session.ended_at ?? undefined,
  app: (session: SessionObject) => session.appname?.toLowerCase(),
  mode: (session: SessionObject) => session.mode?.toLowerCase(),
  platform: (session: SessionObject) => session.platform?.toLowerCase(),
  head: (session: SessionObject) => session.head,
  bytes: (session: SessionObject) => session.bytes,
};

const queries: fc.Arbitrary<ListQuery> = fc.record(
  {
    status: fc.constantFrom("active", "ended", "all"),
    prefix: fc.constantFrom("66f0", "66F1", "66f20000000000000000000e", "ff", ""),
    app: fc.constantFrom("editor", "EDITOR", "Cooker", "none"),
    mode: fc.constantFrom("game", "Server"),
    platform: fc.constantFrom("Linux", "windows"),
    jobid: fc.constantFrom("job-7", "JOB-0"),
    parent: fc.constantFrom("66f0000000000000000000aa", "66F0000000000000000000AA"),
    q: fc.constantFrom("needle", "hay", "job-", "cook", "66f1"),
    sort: fc.constantFrom<SortKey>("created", "updated", "ended", "app", "mode", "platform", "head", "bytes"),
    order: fc.constantFrom("asc", "desc"),
    offset: fc.nat(70),
    limit: fc.nat(70),
  },
  { requiredKeys: [] },
);

function isListed(session: SessionObject, query: ListQuery): boolean {
  const same = (value: string | undefined, wanted: string | undefined) =>
    wanted === undefined || value?.toLowerCase() === wanted.toLowerCase();
  const text = JSON.stringify([session.id, session.appname, session.mode, session.platform, session.jobid, session.metadata]);
  const status = query.status ?? "active";
  return (
    (status === "all" || session.status === status) &&
    session.id.startsWith((query.prefix ?? "").toLowerCase()) &&
    same(session.appname, query.app) &&
    same(session.mode, query.mode) &&
    same(session.platform, query.platform) &&
    same(session.jobid, query.jobid) &&
    same(session.parent_session_id, query.parent) &&
    text.toLowerCase().includes((query.q ?? "").toLowerCase())
  );
}

function isSorted(sessions: readonly SessionObject[], query: ListQuery): boolean {
  const keys = sessions.map(sortValue[query.sort ?? "created"]);
  const known = keys.filter((key) => key !== undefined);
  // Those without the value stand last in either order.
  if (keys.slice(0, known.length).includes(undefined)) return false;
  const isAscending = query.order === "asc";
  return known.every((key, index) => {
    const next = known[index + 1];
    return next === undefined || (isAscending ? key <= next : key >= next);
  });
}

async function listed(query: ListQuery): Promise<SessionList> {
  const parameters = new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]));
  return (await server.call("GET", `/sessions/?${parameters}`)).json<SessionList>();
}

test("a list holds exactly the sessions that match, in the order asked for, page by page", () =>
  fc.assert(
    fc.asyncProperty(queries, async (query) => {
      const wanted = all.filter((session) => isListed(session, query)).map((session) => session.id);
      const whole = await listed({ ...query, offset: 0, limit: 10_000 });
      assert.deepEqual(whole.sessions.map((session) => session.id).sort(), wanted.sort());
      assert.ok(isSorted(whole.sessions, query), JSON.stringify(whole.sessions.map(sortValue[query.sort ?? "created"])));
      const page = await listed(query);
      assert.equal(page.total, wanted.length);
      const from = query.offset ?? 0;
      assert.deepEqual(
        page.sessions.map((session) => session.id),
        whole.sessions.slice(from, from + (query.limit ?? 100)).map((session) => session.id),
      );
    }),
    { numRuns: 200 },
  ));

test("a filter without a value, as forms send it, chooses everything", async () => {
  const query = "status=all&prefix=&app=&mode=&platform=&jobid=&parent=&q=";
  assert.equal((await server.call("GET", `/sessions/?${query}`)).json<SessionList>().total, all.length);
});

test("the list without a word is the active sessions, newest first", async () => {
  const list = (await server.call("GET", "/sessions/")).json<SessionList>();
  assert.equal(list.total, all.filter((session) => session.status === "active").length);
  assert.ok(list.sessions.every((session) => session.status === "active"));
  assert.ok(isSorted(list.sessions, {}));
  assert.equal((await server.call("GET", "/sessions")).json<SessionList>().total, list.total);
});
