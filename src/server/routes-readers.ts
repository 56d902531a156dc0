/** Routes of durable readers (contract 6). */
import { limits } from "../config.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Exchange, jsonAnswer, refusalAnswer } from "./exchange.ts";
import { isRefusal, wholeNumber } from "./query-input.ts";
import type { ReaderBook, ReaderBooks } from "./reader-books.ts";
import { isReaderName, newReader, type ReaderRecord, readerObject, resume } from "./readers.ts";
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
  const body = await cursorOf(exchange);
  const target = await targetOf(context, exchange);
  if (isRefusal(target)) return refusalAnswer(target);
  if (isRefusal(body)) return refusalAnswer(body);
  const known = target.book.find(target.name);
  if (known === undefined && target.book.count >= limits.readerCountMax) {
    return refusalAnswer(
      refuse("overloaded", `A session has at most ${limits.readerCountMax} readers: delete one.`, { retryAfterSeconds: 1 }),
    );
  }
  // Without a cursor a known reader stays where it is.
  const reader = known !== undefined && body === undefined ? known : newReader(target.name, body ?? 0);
  const refusal = await target.book.put(reader);
  if (refusal !== undefined) return refusalAnswer(refusal);
  return { ...shown(context, target, reader), status: known === undefined ? 201 : 200 };
}

/** DELETE …/readers/{name}. */
export async function deleteReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const target = await targetOf(context, exchange);
  if (isRefusal(target)) return refusalAnswer(target);
  const reader = target.book.find(target.name);
  if (reader === undefined) return shown(context, target, undefined);
  const refusal = await target.book.remove(target.name);
  return refusal === undefined ? shown(context, target, reader) : refusalAnswer(refusal);
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
    isOver: () => exchange.isOver,
  });
  return isRefusal(claimed) ? refusalAnswer(claimed) : { status: 200, body: claimed };
}

/** POST …/readers/{name}/confirm. */
export async function confirmReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const cursor = await cursorOf(exchange);
  if (isRefusal(cursor)) return refusalAnswer(cursor);
  if (cursor === undefined) return refusalAnswer(refuse("invalid_batch", 'The body must be {"cursor":N}.', { field: "cursor" }));
  const target = await targetOf(context, exchange);
  if (isRefusal(target)) return refusalAnswer(target);
  const confirmed = await target.book.confirm(target.name, cursor);
  return isRefusal(confirmed) ? refusalAnswer(confirmed) : shown(context, target, confirmed);
}

/** POST …/readers/{name}/resume. */
export async function resumeReader(context: ReaderContext, exchange: Exchange): Promise<Answer> {
  const cursor = await cursorOf(exchange);
  if (isRefusal(cursor)) return refusalAnswer(cursor);
  const target = await targetOf(context, exchange);
  if (isRefusal(target)) return refusalAnswer(target);
  const reader = target.book.find(target.name);
  if (reader === undefined) return shown(context, target, undefined);
  const resumed = resume(reader, cursor);
  const refusal = await target.book.put(resumed);
  return refusal === undefined ? shown(context, target, resumed) : refusalAnswer(refusal);
}

async function targetOf({ engine, books }: ReaderContext, exchange: Exchange): Promise<Target | Refusal> {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return session;
  const name = exchange.parameters[1] ?? "";
  if (!isReaderName(name)) return refuse("invalid_query", "A reader's name is 1 to 64 of A-Z a-z 0-9 . _ -.");
  return { session, book: await books.of(session), name };
}

function shown({ engine }: ReaderContext, target: Target, reader: ReaderRecord | undefined): Answer {
  if (reader !== undefined) return jsonAnswer(readerObject(reader, target.session.head, engine.clock.nowMs()));
  return refusalAnswer(refuse("reader_not_found", `Reader ${target.name} is not known: PUT makes it.`));
}

/** Returns the cursor that the body gives, undefined for none. */
async function cursorOf(exchange: Exchange): Promise<number | undefined | Refusal> {
  const body = await exchange.body(limits.controlBodySizeBytesMax);
  if (isRefusal(body)) return body;
  if (body.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return refuse("invalid_json", `The body is not JSON: ${(error as Error).message}.`);
  }
  const cursor = typeof value === "object" && value !== null ? (value as { cursor?: unknown }).cursor : Number.NaN;
  if (cursor === undefined) return undefined;
  if (typeof cursor === "number" && Number.isSafeInteger(cursor) && cursor >= 0) return cursor;
  return refuse("invalid_batch", "cursor must be a whole number.", { field: "cursor" });
}
