/** Reads of a log that lies in memory and in many segment files, against the same reads of an array. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EntryObject, FilterInput, LogPage } from "#src/wire/api.ts";
import type { HttpAnswer } from "../harness/http.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { isChosen, madeEntry, madeFilter, queryOf, readEntry } from "../harness/log-model.ts";
import { freshSessionId, randomOf, seedOfRun } from "../harness/random.ts";
import { RawConnection } from "../harness/raw.ts";
import { sharedServer, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const entryCount = 25_000;
const queryCount = 400;
const random = randomOf(seedOfRun());
const id = freshSessionId();
const log: EntryObject[] = [];

async function fill(target: TestServer): Promise<void> {
  await target.session({}, id);
  while (log.length < entryCount) {
    const count = Math.min(random.whole(1, 500), entryCount - log.length);
    const batch = Array.from({ length: count }, (_, index) => madeEntry(log.length + index + 1, random));
    const answer = await target.append(id, batch);
    assert.deepEqual(answer.json(), { first: log.length + 1, cursor: log.length + count, count, ack: "written" });
    for (const sent of batch) log.push(readEntry(log.length + 1, sent));
  }
}

const server = sharedServer({ flags: ["--log-level", "error", "--segment-bytes", "256KiB"] }, fill);

function get(query: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return server.call("GET", `/sessions/${id}/log?${query}`, { headers });
}

async function page(query: string): Promise<LogPage> {
  const answer = await get(query);
  assert.equal(answer.status, 200, answer.text);
  return answer.json<LogPage>();
}

/** Places to start at, many of them around the edges of memory and of the log. */
function madeStart(): number {
  const edges = [
    0,
    1,
    2,
    entryCount - 10_001,
    entryCount - 10_000,
    entryCount - 9999,
    entryCount - 1,
    entryCount,
    entryCount + 1,
  ];
  return random.whole(0, 2) === 0 ? random.pick(edges) : random.whole(0, entryCount + 5);
}

function wantedEntries(kind: string, start: number, limit: number, filter: FilterInput): EntryObject[] {
  const from = kind === "cursor" || kind === "offset" ? start : 0;
  const to = kind === "before" ? Math.max(0, start - 1) : log.length;
  const chosen = log.slice(from, to).filter((entry) => isChosen(entry, filter));
  if (kind === "cursor" || kind === "offset") return chosen.slice(0, limit);
  return limit === 0 ? [] : chosen.slice(-limit);
}

test(`${queryCount} random reads answer what the same reads of an array do`, async (t) => {
  t.diagnostic(`figures: seed ${random.seed}, ${entryCount} entries, ${queryCount} reads`);
  for (let round = 0; round < queryCount; round++) {
    const kind = random.pick(["cursor", "before", "offset", "tail"]);
    const start = madeStart();
    const limit = random.pick([0, 1, 7, 100, 1999, 2001, 10_000]);
    const filter = random.whole(0, 2) === 0 ? {} : madeFilter(random, entryCount);
    const query = queryOf(kind === "tail" ? { tail: limit } : { [kind]: start, limit }, filter);
    const got = await page(query);
    const wanted = wantedEntries(kind, start, limit, filter);
    assert.deepEqual(got.entries, wanted, `seed ${random.seed}: ${query}`);
    assert.deepEqual([got.session, got.head, got.first, got.gap], [id, entryCount, 1, undefined]);
    assert.equal(got.more, got.cursor < entryCount, query);
    const last = wanted.at(-1)?.seq ?? 0;
    assert.ok(got.cursor >= last, `${query}: cursor ${got.cursor} lies before the last entry ${last}`);
    const skipped = kind === "cursor" ? log.slice(Math.max(last, start), got.cursor) : [];
    assert.ok(!skipped.some((entry) => isChosen(entry, filter)), `${query}: cursor ${got.cursor} passes an entry`);
    if (limit > 0 && kind === "cursor" && wanted.length < limit) assert.ok(got.cursor >= entryCount || got.more, query);
  }
});

test("pages by cursor together are the log, whatever their size and filter", async () => {
  for (const [limit, filter] of [
    [997, {}],
    [10_000, {}],
    [500, { level: "error" }],
    [50, { q: "failed", logger: "LogCook" }],
  ] as const) {
    const entries: EntryObject[] = [];
    for (let cursor = 0, more = true; more; ) {
      const got = await page(queryOf({ cursor, limit }, filter));
      assert.ok(got.entries.length <= limit && got.cursor > cursor);
      entries.push(...got.entries);
      ({ cursor, more } = got);
    }
    assert.deepEqual(
      entries,
      log.filter((entry) => isChosen(entry, filter)),
    );
  }
});

interface Timeline {
  readonly levels: Readonly<Record<string, readonly number[]>>;
  readonly loggers: readonly { readonly logger: string; readonly count: number }[];
  readonly total: number;
}

test("the overview counts what a filter chooses by level and logger, loggers of one count by name", async () => {
  const counted = <Key extends string>(keys: readonly Key[]) => {
    const counts = new Map<Key, number>();
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    return [...counts].sort(([one, oneCount], [other, otherCount]) => otherCount - oneCount || (one < other ? -1 : 1));
  };
  for (let round = 0; round < 20; round++) {
    const filter = round === 0 ? {} : madeFilter(random, log.length);
    const chosen = log.filter((entry) => isChosen(entry, filter));
    const answer = await server.call("GET", `/sessions/${id}/stats?buckets=7&${queryOf(filter)}`);
    assert.equal(answer.status, 200, answer.text);
    const { levels, loggers, total } = answer.json<Timeline>();
    assert.equal(total, chosen.length);
    const sums = Object.entries(levels).map(([level, buckets]) => [level, buckets.reduce((sum, count) => sum + count, 0)]);
    assert.deepEqual(
      sums.sort(),
      counted(chosen.map(({ level }) => level ?? "none"))
        .map(([level, count]) => [level, count])
        .sort(),
    );
    assert.deepEqual(
      loggers.map(({ logger, count }) => [logger, count]),
      counted(chosen.map(({ logger }) => logger ?? "")),
    );
  }
});

test("reads at the same time get each its own page", async () => {
  const asked = Array.from({ length: 120 }, () => ({
    cursor: madeStart(),
    limit: random.pick([1, 100, 1000, 10_000]),
    format: random.pick(["json", "ndjson"]),
  }));
  const answers = await Promise.all(asked.map((query) => get(queryOf(query, {}))));
  for (const [index, { text, json }] of answers.entries()) {
    const { cursor, limit, format } = asked[index] as (typeof asked)[number];
    const wanted = log.slice(cursor, cursor + limit);
    if (format === "json") assert.deepEqual(json<LogPage>().entries, wanted);
    else assert.equal(text, wanted.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  }
});

test("pages before a seq lead back to the beginning", async () => {
  const entries: EntryObject[] = [];
  for (let before = entryCount + 1; before > 1; ) {
    const got = await page(queryOf({ before, limit: 3001 }));
    entries.unshift(...got.entries);
    before = got.entries[0]?.seq ?? 0;
  }
  assert.deepEqual(entries, log);
});

test("a read that says nothing is the last thousand", async () => {
  assert.deepEqual((await page("")).entries, log.slice(-1000));
  assert.deepEqual((await page("limit=5")).entries, log.slice(-5));
  assert.deepEqual((await page("cursor=3")).entries, log.slice(3, 1003));
});

test("times of a filter may be milliseconds or nanoseconds since the epoch", async () => {
  const ms = Date.parse(log[99]?.timestamp ?? "");
  for (const since of [String(ms), `${ms}000000`, new Date(ms).toISOString(), "2026-11-20T12:01:40+02:00"]) {
    assert.equal((await page(queryOf({ cursor: 0, limit: 1, since }))).entries[0]?.seq, 100, since);
  }
  assert.equal((await page("cursor=0&limit=1&since=2026-11-20T12:01:40+02:00")).entries[0]?.seq, 100, "a plus without an escape");
});

test("an offset beyond the log is an empty page at its head, from where nothing to come is missed", async () => {
  const got = await page(`offset=${entryCount + 500}`);
  assert.deepEqual([got.entries, got.cursor, got.head, got.more], [[], entryCount, entryCount, false]);
});

test("of the kinds that Accept names the one of the greatest weight is answered, of equal ones the first", async () => {
  const wanted: Readonly<Record<string, string>> = {
    "application/json;q=0.2, text/csv; q=0.9": "text/csv",
    "text/plain;q=0, application/x-ndjson;q=0.1": "application/x-ndjson",
    "text/csv, text/plain": "text/csv",
    "Text/CSV;charset=utf-8;q=1.0, text/plain": "text/csv",
    "text/plain;q=0": "application/json",
    "text/html, */*;q=0.8": "application/json",
  };
  for (const [accept, type] of Object.entries(wanted)) {
    const answer = await get("tail=1", { accept });
    assert.equal(answer.headers["content-type"]?.split(";")[0], type, accept);
  }
});

/** Rows of RFC 4180 text. */
function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g;
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(pattern)) {
    row.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

const forms: readonly (readonly [string, string, string, (text: string, wanted: readonly EntryObject[]) => void])[] = [
  [
    "ndjson",
    "application/x-ndjson",
    "application/x-ndjson",
    (text, wanted) => {
      assert.deepEqual(
        text
          .trimEnd()
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line)),
        wanted,
      );
    },
  ],
  [
    "text",
    "text/plain",
    "text/plain; charset=utf-8",
    (text, wanted) => {
      assert.equal(text, wanted.map(textLine).join(""));
    },
  ],
  [
    "csv",
    "text/csv",
    "text/csv; charset=utf-8",
    (text, wanted) => {
      const [header, ...rows] = csvRows(text);
      assert.deepEqual(header, ["seq", "timestamp", "level", "logger", "message", "format", "fields"]);
      assert.deepEqual(
        rows.map(([seq, timestamp]) => [seq, timestamp]),
        wanted.map((entry) => [String(entry.seq), entry.timestamp]),
      );
      assert.deepEqual(
        rows.map(([, , level, logger, message, format, fields]) => [
          level,
          logger,
          message,
          format,
          fields === "" ? undefined : JSON.parse(fields ?? ""),
        ]),
        wanted.map((entry) => [entry.level ?? "", entry.logger ?? "", entry.message, entry.format ?? "", entry.fields]),
      );
    },
  ],
];

function textLine(entry: EntryObject): string {
  const time = entry.timestamp.slice(0, -1).replace("T", " ");
  const level = entry.level === undefined ? "" : ` [${entry.level}]`;
  const logger = entry.logger === undefined ? "" : ` [${entry.logger}]`;
  return `[${time}]${level}${logger} ${entry.message}\n`;
}

for (const [format, accept, type, check] of forms) {
  test(`as ${format} the same entries come, by name and by Accept, from memory, from file and from both`, async () => {
    for (const query of [
      "cursor=24000&limit=500",
      "cursor=100&limit=700",
      "cursor=14000&limit=2500",
      "tail=9999&level=warn",
      "cursor=99999",
    ]) {
      const wanted = (await page(query)).entries;
      const named = await get(`${query}&format=${format}`);
      assert.equal(named.headers["content-type"], type);
      check(named.text, wanted);
      const accepted = await get(query, { accept: `${accept};q=0.9, */*` });
      assert.deepEqual(accepted.bytes, named.bytes);
      assert.deepEqual([named.headers["tailrace-head"], named.headers["tailrace-first"]], [String(entryCount), "1"]);
    }
  });
}

test("readers that go straight on at once get every entry, while others leave with a page under way", async () => {
  const readers = Array.from({ length: 8 }, async (_, index) => {
    const limit = 2500 + index;
    const read: EntryObject[] = [];
    for (let cursor = 0, more = true; more; ) {
      const got = await page(`cursor=${cursor}&limit=${limit}`);
      read.push(...got.entries);
      ({ cursor, more } = got);
    }
    assert.deepEqual(read, log);
  });
  const leavers = Array.from({ length: 24 }, async (_, index) => {
    const connection = await RawConnection.open(Number(new URL(server.url).port));
    const pageCount = 1 + (index % 4);
    for (let count = 0; count <= pageCount; count++) {
      const query = `cursor=${count * 3000}&limit=3000&format=ndjson`;
      connection.send(`GET /sessions/${id}/log?${query} HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\n\r\n`);
      if (count === pageCount) break;
      const answer = await connection.answer();
      assert.equal(answer?.body.split("\n", 1)[0], JSON.stringify(log[count * 3000]));
    }
    connection.socket.destroy();
  });
  await Promise.all([...readers, ...leavers]);
});

test("a read of an empty session is an empty page", async () => {
  const empty = await server.session();
  for (const query of ["", "cursor=0", "tail=5", "before=10", "offset=0", "q=x&tail=3"]) {
    const got = (await server.call("GET", `/sessions/${empty}/log?${query}`)).json<LogPage>();
    assert.deepEqual(got, { session: empty, cursor: 0, head: 0, first: 1, more: false, entries: [] }, query);
  }
});

test("L3: a filtered subscription and filtered reads choose the same entries", async (t) => {
  const filterCount = 60;
  await server.call("DELETE", `/sessions/${id}`);
  const all = [...log, ...(await page("tail=1")).entries];
  const live = await LiveSocket.open(server.url);
  let chosenCount = 0;
  for (let round = 0; round < filterCount; round++) {
    const filter = madeFilter(random, entryCount);
    const cursor = random.whole(0, 1) === 0 ? 0 : madeStart();
    const wanted = all.filter((entry) => entry.seq > cursor && isChosen(entry, filter));
    live.send({ type: "subscribe", id: round, session: id, cursor, ...filter });
    const entries: EntryObject[] = [];
    for (
      let message = await until("a message", () => live.messages.shift());
      message.type !== "ended";
      message = await until("a message", () => live.messages.shift())
    )
      if (message.type === "log") entries.push(...message.entries);
    assert.deepEqual(entries, wanted, `seed ${random.seed}: ${JSON.stringify({ cursor, ...filter })}`);
    const read: EntryObject[] = [];
    for (let at = cursor, more = true; more; ) {
      const got = await page(queryOf({ cursor: at, limit: 10_000 }, filter));
      read.push(...got.entries);
      ({ cursor: at, more } = got);
    }
    assert.deepEqual(read, wanted);
    chosenCount += wanted.length;
  }
  t.diagnostic(`figures: seed ${random.seed}, ${filterCount} filters, ${chosenCount} entries chosen`);
  live.terminate();
});
