/** Reading entries for people: the newest few, and everything after a cursor. */
import type { TailraceClient } from "../client/client.ts";
import type { EntryObject, FilterInput, LogPage } from "../wire/api.ts";

const pageCountMax = 10_000;

/** Returns the id of the server's own session. */
export async function selfSession(client: TailraceClient, signal: AbortSignal): Promise<string> {
  const { self_id } = await client.listSessions({ limit: 1 }, { signal });
  return self_id;
}

/**
 * Yields the newest `count` entries that match, oldest first, page by page; the last page's cursor is where to go on.
 * More than a page: the place where they begin is looked for backwards, so that no more than a page is held.
 */
export async function* newestPages(
  client: TailraceClient,
  session: string,
  filter: FilterInput,
  count: number,
  signal: AbortSignal,
): AsyncGenerator<LogPage, void> {
  if (count <= pageCountMax) {
    // A tail of none would still be answered with a page.
    const page = await client.readPage(session, { ...filter, tail: Math.max(1, count) }, { signal });
    if (count === 0) page.entries = [];
    yield page;
    return;
  }
  let before: number | undefined;
  for (let rest = count; rest > 0; ) {
    const limit = Math.min(rest, pageCountMax);
    const place = before === undefined ? { tail: limit } : { before, limit };
    const { entries } = await client.readPage(session, { ...filter, ...place }, { signal });
    if (entries[0] === undefined) break;
    before = entries[0].seq;
    rest -= entries.length;
  }
  yield* client.readPages(session, { ...filter, cursor: (before ?? 1) - 1 }, { signal });
}

/** Returns the entries from seq `from` to seq `to`, both included. */
export async function entriesBetween(
  client: TailraceClient,
  session: string,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<EntryObject[]> {
  const found: EntryObject[] = [];
  let cursor = from - 1;
  while (cursor < to) {
    const page = await client.readPage(session, { cursor, limit: Math.min(to - cursor, pageCountMax) }, { signal });
    for (const entry of page.entries) if (entry.seq <= to) found.push(entry);
    if (page.cursor <= cursor) break;
    cursor = page.cursor;
  }
  return found;
}
