/**
 * Durable readers: named cursors of a session for work queues. A claim hands out the next entries under a lease; confirming
 * moves the cursor on; what is not confirmed in time is handed out again, and a reader whose entries were handed out too
 * often stalls until somebody looks at it. Every change is in the session's `readers.json` before it is answered.
 */
import { limits } from "../config.ts";
import type { ReaderObject } from "../wire/api.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";

/** A reader as it is stored. Times in ms since the epoch. */
export interface ReaderRecord {
  readonly name: string;
  /** Seq of the last entry that was confirmed. */
  readonly cursor: number;
  /** How often the entries behind the cursor were handed out. */
  readonly attempts: number;
  readonly lease: { readonly from: number; readonly to: number; readonly untilMs: number } | undefined;
  readonly isStalled: boolean;
}

/** The latest time that a Date holds. */
const dateMsMax = 8.64e15;

const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Returns whether `name` may name a reader. */
export function isReaderName(name: string): boolean {
  return namePattern.test(name);
}

/** A reader at `cursor` with nothing handed out. */
export function newReader(name: string, cursor: number): ReaderRecord {
  return { name, cursor, attempts: 0, lease: undefined, isStalled: false };
}

/** Returns the readers that a file holds, as far as they can be used. */
export function readersOf(stored: unknown): ReaderRecord[] {
  return Array.isArray(stored) ? stored.filter(isReader) : [];
}

function isReader(value: unknown): value is ReaderRecord {
  if (typeof value !== "object" || value === null) return false;
  const { name, cursor, attempts, lease, isStalled } = value as { readonly [Key in keyof ReaderRecord]: unknown };
  if (typeof name !== "string" || !isReaderName(name) || typeof isStalled !== "boolean") return false;
  return isWhole(cursor) && isWhole(attempts) && (lease === undefined || isLease(lease));
}

function isLease(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { from, to, untilMs } = value as { readonly [Key in keyof NonNullable<ReaderRecord["lease"]>]: unknown };
  return isWhole(from) && isWhole(to) && isWhole(untilMs) && untilMs <= dateMsMax;
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The reader as it is now that time has gone on: a lease whose time is over returns, and the last of them stalls it. */
export function readerNow(reader: ReaderRecord, nowMs: number): ReaderRecord {
  if (reader.lease === undefined || reader.lease.untilMs > nowMs) return reader;
  return { ...reader, lease: undefined, isStalled: reader.attempts >= limits.readerAttemptCountMax };
}

/** The outside's view. */
export function readerObject(stored: ReaderRecord, head: number, nowMs: number): ReaderObject {
  const reader = readerNow(stored, nowMs);
  const isLeased = reader.lease !== undefined;
  return {
    name: reader.name,
    cursor: reader.cursor,
    head,
    lag: Math.max(0, head - reader.cursor),
    state: reader.isStalled ? "stalled" : isLeased ? "leased" : "ready",
    attempts: reader.attempts,
    lease_until: reader.lease === undefined ? null : new Date(reader.lease.untilMs).toISOString(),
  };
}

/** Why a reader gets no entries now; undefined: it does. @param reader as of now. */
export function claimRefusal(reader: ReaderRecord): Refusal | undefined {
  if (reader.isStalled) {
    return refuse(
      "stalled",
      `Reader ${reader.name} stalled: the entries behind ${reader.cursor} were handed out ${reader.attempts} times. Resume it, at another cursor to skip them.`,
    );
  }
  if (reader.lease === undefined) return undefined;
  const until = new Date(reader.lease.untilMs).toISOString();
  return refuse("leased", `Reader ${reader.name} has a lease until ${until}: confirm it or wait for its end.`);
}

/** The reader after entries from…to were handed out. */
export function afterClaim(reader: ReaderRecord, from: number, to: number, untilMs: number): ReaderRecord {
  return { ...reader, attempts: reader.attempts + 1, lease: { from, to, untilMs } };
}

/** What a client that confirms says. */
export interface Confirmation {
  readonly cursor: number;
  /** End of the lease it was given; undefined: whichever lease runs now. */
  readonly leaseUntilMs: number | undefined;
}

/** The reader after its entries up to a cursor were confirmed, or why they can't be. */
export function confirm(stored: ReaderRecord, { cursor, leaseUntilMs }: Confirmation, nowMs: number): ReaderRecord | Refusal {
  const reader = readerNow(stored, nowMs);
  const { lease } = reader;
  // A lease begins after the last one's end, so no two of a reader end at the same time.
  if (lease === undefined || (leaseUntilMs !== undefined && leaseUntilMs !== lease.untilMs))
    return refuse("not_leased", `Reader ${reader.name} has no lease any more: claim again.`);
  if (cursor < lease.from || cursor > lease.to) {
    return refuse("not_leased", `Cursor ${cursor} lies outside the lease ${lease.from} to ${lease.to} of reader ${reader.name}.`);
  }
  const rest = cursor < lease.to ? { ...lease, from: cursor + 1 } : undefined;
  return { ...reader, cursor, attempts: rest === undefined ? 0 : 1, lease: rest };
}
