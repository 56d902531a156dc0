/** All sessions by id and by slot, and the lists that people ask for. */
import { assert } from "../base/assert.ts";
import { utf8 } from "../base/bytes.ts";
import type { SessionId } from "../base/ids.ts";
import { hashOf } from "../record/dictionary.hot.ts";
import type { SessionRecord } from "../storage/types.ts";
import { Session } from "./session.ts";

export const sortKeys = ["created", "updated", "ended", "app", "mode", "platform", "head", "bytes"] as const;
export type SortKey = (typeof sortKeys)[number];

/** A list as asked for; absent filters let everything through. */
export interface ListQuery {
  readonly status: "active" | "ended" | "all";
  readonly prefix?: string | undefined;
  readonly app?: string | undefined;
  readonly mode?: string | undefined;
  readonly platform?: string | undefined;
  readonly jobid?: string | undefined;
  readonly parent?: string | undefined;
  readonly q?: string | undefined;
  readonly sort: SortKey;
  readonly order: "asc" | "desc";
  readonly offset: number;
  readonly limit: number;
}

export class Registry {
  readonly #byId = new Map<string, Session>();
  readonly #bySlot = new Map<number, Session>();
  readonly #shardCount: number;
  #nextSlot = 0;
  activeCount = 0;

  constructor(shardCount: number) {
    this.#shardCount = shardCount;
  }

  get count(): number {
    return this.#byId.size;
  }

  get endedCount(): number {
    return this.#byId.size - this.activeCount;
  }

  get all(): Iterable<Session> {
    return this.#byId.values();
  }

  /** Adds a session, which gets its slot and its shard here. */
  add(id: SessionId, record: SessionRecord, nowMs: number): Session {
    assert(!this.#byId.has(id), "an id is registered once");
    const session = new Session(id, this.#nextSlot++, this.shardIndexOf(id), record, nowMs);
    this.#byId.set(id, session);
    this.#bySlot.set(session.slot, session);
    if (session.isActive) this.activeCount++;
    return session;
  }

  /** Returns the shard that a session of this id belongs to, known or not. */
  shardIndexOf(id: SessionId): number {
    const idBytes = utf8(id);
    return (hashOf(idBytes, 0, idBytes.length) >>> 0) % this.#shardCount;
  }

  find(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  findSlot(slot: number): Session | undefined {
    return this.#bySlot.get(slot);
  }

  remove(session: Session): void {
    if (!this.#byId.delete(session.id)) return;
    this.#bySlot.delete(session.slot);
    if (session.isActive) this.activeCount--;
  }

  /** Replaces the record of a session and keeps the counts right. */
  setRecord(session: Session, record: SessionRecord): void {
    if (session.isActive) this.activeCount--;
    session.record = record;
    if (session.isActive) this.activeCount++;
  }

  /** Returns the page that was asked for and how many sessions there are in the whole filtered set. */
  list(query: ListQuery): { sessions: Session[]; total: number } {
    const found: Session[] = [];
    for (const session of this.#byId.values()) if (matches(session, query)) found.push(session);
    const direction = query.order === "asc" ? 1 : -1;
    const keyed = found.map((session) => ({ session, key: sortValue(session, query.sort) }));
    keyed.sort((a, b) => compareKeys(a.key, b.key, direction) || direction * (a.session.slot - b.session.slot));
    const page = keyed.slice(query.offset, query.offset + query.limit);
    return { sessions: page.map((entry) => entry.session), total: found.length };
  }
}

function matches(session: Session, query: ListQuery): boolean {
  const { record } = session;
  if (query.status !== "all" && session.status !== query.status) return false;
  if (query.prefix !== undefined && !session.id.startsWith(query.prefix)) return false;
  if (!sameText(record.appname, query.app) || !sameText(record.mode, query.mode)) return false;
  if (!sameText(record.platform, query.platform) || !sameText(record.jobid, query.jobid)) return false;
  if (query.parent !== undefined && record.parent_session_id !== query.parent) return false;
  return query.q === undefined || containsText(session, query.q.toLowerCase());
}

function sameText(value: string | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || (value ?? "").toLowerCase() === wanted.toLowerCase();
}

function containsText(session: Session, text: string): boolean {
  const { appname, mode, platform, jobid, metadata } = session.record;
  if (session.id.includes(text)) return true;
  for (const value of [appname, mode, platform, jobid]) if (value?.toLowerCase().includes(text)) return true;
  return JSON.stringify(metadata).toLowerCase().includes(text);
}

function sortValue(session: Session, sort: SortKey): string | number | undefined {
  const { record } = session;
  switch (sort) {
    case "created":
      return record.created_at;
    case "updated":
      return record.updated_at;
    case "ended":
      return record.ended_at ?? undefined;
    case "app":
      return record.appname?.toLowerCase();
    case "mode":
      return record.mode?.toLowerCase();
    case "platform":
      return record.platform?.toLowerCase();
    case "head":
      return session.head;
    case "bytes":
      return session.sizeBytes;
  }
}

/** Sessions without the value come last in either direction. */
function compareKeys(a: string | number | undefined, b: string | number | undefined, direction: number): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -direction : direction;
}
