/** Routes of durable readers (contract 6). */
import { limits } from "../config.ts";
import { parseJson } from "../wire/control-json.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Exchange, jsonAnswer, refusalAnswer } from "./exchange.ts";
import { isRefusal, wholeNumber } from "./query-input.ts";
import type { ReaderBook, ReaderBooks } from "./reader-books.ts";
import { isReaderName, type ReaderRecord, readerObject } from "./readers.ts";
import { sessionOf } from "./routes-sessions.ts";
import type { Session } from "./session.ts";

/** What these routes work with. */
export interface ReaderContext {
  readonly engine: Engine;
  readonly books: ReaderBooks;
}

interface Target {
  readonly session: Session;
  readonly book: ReaderBook;
  readonly name: string;
}

/** GET …/readers. */
export async function listReaders({ engine, books }: ReaderContext, exchange: Exchange): Promise<Answer> {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return refusalAnswer(session);
  const book = await books.of(session);
  if (isRefusal(book)) return refusalAnswer(book);
  const readers = [...book.all()].map((reader) => readerObject(reader, session.head, engine.clock.nowMs()));
  return jsonAnswer({ readers });
}

/** GET …/readers/{name}. */
export async function getReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const target = await targetOf(context, exchange);
  return isRefusal(target) ? refusalAnswer(target) : shown(context, target, target.book.find(target.name));
}

/** PUT …/readers/{name}. */
export async function putReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const input = await inputOf(exchange);
  const target = await targetOf(context, exchange);
  if (isRefusal(target)) return refusalAnswer(target);
  if (isRefusal(input)) return refusalAnswer(input);
  const put = await target.book.put(target.name, input.cursor);
  if (isRefusal(put)) return refusalAnswer(put);
  return { ...shown(context, target, put.reader), status: put.isNew ? 201 : 200 };
}

/** DELETE …/readers/{name}. */
export async function deleteReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const target = await targetOf(context, exchange);
  return isRefusal(target) ? refusalAnswer(target) : shown(context, target, await target.book.remove(target.name));
}

/** POST …/readers/{name}/claim. */
export async function claimReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const limit = wholeNumber(exchange.query, "limit", { min: 1, max: limits.pageEntryCountMax });
  const lease = wholeNumber(exchange.query, "lease", { min: 1, max: limits.leaseMsMax });
  const wait = wholeNumber(exchange.query, "wait", { min: 0, max: limits.waitMsMax });
  for (const value of [limit, lease, wait]) if (isRefusal(value)) return refusalAnswer(value);
  const target = await targetOf(context, exchange);
  if (isRefusal(target)) return refusalAnswer(target);
  const claimed = await target.book.claim(target.name, {
    limit: (limit as number | undefined) ?? limits.pageEntryCountDefault,
    leaseMs: (lease as number | undefined) ?? limits.leaseMsDefault,
    waitMs: (wait as number | undefined) ?? 0,
    onAborted: (giveUp) => exchange.onAborted(giveUp),
  });
  return isRefusal(claimed) ? refusalAnswer(claimed) : { status: 200, body: claimed };
}

/** POST …/readers/{name}/confirm. */
export async function confirmReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const input = await inputOf(exchange);
  if (isRefusal(input)) return refusalAnswer(input);
  const { cursor, leaseUntilMs } = input;
  if (cursor === undefined) return refusalAnswer(refuse("invalid_batch", 'The body must be {"cursor":N}.', { field: "cursor" }));
  const target = await targetOf(context, exchange);
  if (isRefusal(target)) return refusalAnswer(target);
  return shown(context, target, await target.book.confirm(target.name, { cursor, leaseUntilMs }));
}

/** POST …/readers/{name}/resume. */
export async function resumeReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const input = await inputOf(exchange);
  if (isRefusal(input)) return refusalAnswer(input);
  const target = await targetOf(context, exchange);
  if (isRefusal(target)) return refusalAnswer(target);
  return shown(context, target, await target.book.resume(target.name, input.cursor));
}

async function targetOf({ engine, books }: ReaderContext, exchange: Exchange): Promise<Target | Refusal> {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return session;
  const name = exchange.parameters[1] ?? "";
  if (!isReaderName(name)) return refuse("invalid_query", "A reader's name is 1 to 64 of A-Z a-z 0-9 . _ -.");
  const book = await books.of(session);
  return isRefusal(book) ? book : { session, book, name };
}

function shown({ engine }: ReaderContext, { session }: Target, reader: ReaderRecord | Refusal): Answer {
  if (isRefusal(reader)) return refusalAnswer(reader);
  return jsonAnswer(readerObject(reader, session.head, engine.clock.nowMs()));
}

/** What a body may say; an empty one says nothing. */
interface ReaderInput {
  readonly cursor: number | undefined;
  readonly leaseUntilMs: number | undefined;
}

async function inputOf(exchange: Exchange): Promise<ReaderInput | Refusal> {
  const body = await exchange.body(limits.controlBodySizeBytesMax);
  if (isRefusal(body)) return body;
  const read = body.trim() === "" ? { value: {} } : parseJson(body, "The body");
  if (isRefusal(read)) return read;
  const { value } = read;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return refuse("invalid_batch", 'The body must be like {"cursor":N}.');
  const { cursor, lease_until: leaseUntil } = value as { cursor?: unknown; lease_until?: unknown };
  if (cursor !== undefined && !isWhole(cursor)) {
    return refuse("invalid_batch", "cursor must be a whole number.", { field: "cursor" });
  }
  const leaseUntilMs = (leaseUntil ?? undefined) === undefined ? undefined : Date.parse(String(leaseUntil));
  if (Number.isNaN(leaseUntilMs)) {
    return refuse("invalid_batch", "lease_until must be the time that the claim answered.", { field: "lease_until" });
  }
  return { cursor, leaseUntilMs };
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
