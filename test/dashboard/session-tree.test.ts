/** The table of sessions: search, sort, nesting and pages over the whole set. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pageIndexOf, pageOf, type SessionView } from "#dashboard/model/session-tree.ts";
import type { SessionObject } from "#src/wire/api.ts";

const view: SessionView = {
  status: "all",
  search: "",
  sort: "created",
  isDescending: true,
  page: 0,
  pageSize: 25,
  collapsed: new Set(),
};

function session(number: number, more: Partial<SessionObject> = {}): SessionObject {
  const at = new Date(Date.UTC(2026, 10, 20) + number * 1000).toISOString();
  return {
    id: number.toString(16).padStart(24, "0"),
    metadata: {},
    status: "active",
    created_at: at,
    updated_at: at,
    last_activity_at: at,
    ended_at: null,
    end_reason: null,
    head: number,
    first: 1,
    bytes: number * 10,
    archived: false,
    is_self: false,
    ...more,
  };
}

const numbers = (page: { rows: { session: SessionObject }[] }) => page.rows.map((row) => row.session.head);

test("children stand under their parent and move with it", () => {
  const parent = session(2, { appname: "parent" });
  const sessions = [
    session(1),
    parent,
    session(3),
    session(9, { parent_session_id: parent.id }),
    session(8, { parent_session_id: parent.id }),
  ];
  const page = pageOf(sessions, view);
  assert.deepEqual(numbers(page), [3, 2, 9, 8, 1]);
  assert.deepEqual(
    page.rows.map((row) => row.depth),
    [0, 0, 1, 1, 0],
  );
  assert.deepEqual(numbers(pageOf(sessions, { ...view, isDescending: false })), [1, 2, 8, 9, 3]);
  assert.deepEqual(numbers(pageOf(sessions, { ...view, collapsed: new Set([parent.id]) })), [3, 2, 1]);
});

test("a match below a parent brings the parent along as context", () => {
  const parent = session(2, { appname: "Editor" });
  const page = pageOf([parent, session(3, { appname: "Cook", parent_session_id: parent.id }), session(4)], {
    ...view,
    search: "cook",
  });
  assert.deepEqual(
    page.rows.map((row) => [row.session.appname, row.isContext]),
    [
      ["Editor", true],
      ["Cook", false],
    ],
  );
  assert.equal(page.matchCount, 1);
});

test("sessions that are each other's parents are shown, each once", () => {
  const sessions = [
    session(1, { parent_session_id: session(2).id }),
    session(2, { parent_session_id: session(1).id }),
    session(3, { parent_session_id: session(3).id }),
  ];
  assert.deepEqual(numbers(pageOf(sessions, view)).sort(), [1, 2, 3]);
});

test("the pages together show every session once, sorted over the whole set", () =>
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(60)), { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (parents, pageSize) => {
      const sessions = parents.map((parent, index) =>
        session(index + 1, parent === null || parent >= parents.length ? {} : { parent_session_id: session(parent + 1).id }),
      );
      const seen: string[] = [];
      const { pageCount } = pageOf(sessions, { ...view, pageSize });
      for (let page = 0; page < pageCount; page++) {
        const { rows } = pageOf(sessions, { ...view, pageSize, page });
        for (const row of rows) {
          seen.push(row.session.id);
          assert.equal(pageIndexOf(sessions, { ...view, pageSize }, row.session.id), page);
        }
        const roots = rows.filter((row) => row.depth === 0).map((row) => row.session.head);
        assert.deepEqual(
          roots,
          roots.toSorted((one, other) => other - one),
        );
      }
      assert.deepEqual(seen.sort(), sessions.map(({ id }) => id).sort());
    }),
  ));

test("ten thousand sessions are arranged within a frame or two", () => {
  const sessions = Array.from({ length: 10_000 }, (_, index) => session(index + 1, { appname: `tool${index % 7}` }));
  assert.equal(pageOf(sessions, { ...view, sort: "app", search: "tool3" }).matchCount, 1429);
});
