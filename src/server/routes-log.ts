/** Routes that read a log: pages, templates, the timeline of an overview (contract 5 and 6). */
import { limits } from "../config.ts";
import { refuse } from "../wire/outcome.ts";
import { type Page, pageBody, pageContentType, pageHeaders } from "../wire/page.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Exchange, jsonAnswer, refusalAnswer } from "./exchange.ts";
import { sessionNotFound } from "./intake.ts";
import { isRefusal, wholeNumber } from "./query-input.ts";
import { parseFilter, parseReadQuery, type ReadQuery } from "./read-input.ts";
import type { Reads } from "./reads.ts";
import { sessionOf } from "./routes-sessions.ts";
import type { Session } from "./session.ts";
import type { Waits } from "./waits.ts";

/** What a read of a log works with. */
export interface LogContext {
  readonly engine: Engine;
  readonly reads: Reads;
  readonly waits: Waits;
}

/** GET /sessions/{id}/log. */
export async function getLog(context: LogContext, exchange: Exchange): Promise<Answer> {
  const { engine, waits } = context;
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return refusalAnswer(session);
  const query = parseReadQuery(exchange.query, exchange.accept);
  if (isRefusal(query)) return refusalAnswer(query);
  if (query.waitMs > 0 && waits.isFull) {
    return refusalAnswer(
      refuse("overloaded", "As many reads wait as the server takes: come back without wait.", { retryAfterSeconds: 5 }),
    );
  }
  engine.counters.read++;
  return readLog(context, exchange, session, query);
}

async function readLog(context: LogContext, exchange: Exchange, session: Session, query: ReadQuery): Promise<Answer> {
  const { clock } = context.engine;
  const endMs = clock.monotonicMs() + query.waitMs;
  const onAborted = (giveUp: () => void) => exchange.onAborted(giveUp);
  let { start } = query;
  for (;;) {
    const page = await context.reads.page(session, { ...query, start });
    if (isRefusal(page)) return refusalAnswer(page);
    if (page.count > 0 || page.gap !== undefined || query.limit === 0) return pageAnswer(context.reads, page, session);
    // What did not match need not be looked at again.
    const wait = { session, cursor: page.cursor, filter: query.filter, ms: endMs - clock.monotonicMs(), onAborted };
    const { isOver, cursor } = await context.waits.wait(wait);
    if (session.isRemoved) return refusalAnswer(sessionNotFound(session.id));
    if (isOver || exchange.isOver) return pageAnswer(context.reads, { ...page, cursor }, session);
    context.reads.release(page);
    start = { kind: "cursor", cursor };
  }
}

function pageAnswer(reads: Reads, page: Page, session: Session): Answer {
  const headers = {
    "Content-Type": pageContentType[page.format],
    "Cache-Control": "no-store",
    ...pageHeaders(page, session),
  };
  return { status: 200, headers, body: pageBody(page, session), written: () => reads.release(page) };
}

/** GET /sessions/{id}/templates. */
export async function getTemplates(engine: Engine, reads: Reads, exchange: Exchange): Promise<Answer> {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return refusalAnswer(session);
  engine.counters.read++;
  const { head } = session;
  const templates = await reads.runOnFiles<object[]>(session, "templates", { countMax: limits.templateSummaryCountMax });
  return isRefusal(templates) ? refusalAnswer(templates) : jsonAnswer({ templates, head });
}

/** GET /sessions/{id}/stats: entries per level over time, and the busiest loggers. */
export async function getTimeline(engine: Engine, reads: Reads, exchange: Exchange): Promise<Answer> {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return refusalAnswer(session);
  const bucketCount = wholeNumber(exchange.query, "buckets", { min: 1, max: limits.timelineBucketCountMax });
  if (isRefusal(bucketCount)) return refusalAnswer(bucketCount);
  const filter = parseFilter((name) => exchange.query.get(name) ?? undefined);
  if (isRefusal(filter)) return refusalAnswer(filter);
  engine.counters.read++;
  const timeline = await reads.runOnFiles<object>(session, "timeline", { spec: filter.spec, bucketCount: bucketCount ?? 200 });
  return isRefusal(timeline) ? refusalAnswer(timeline) : jsonAnswer(timeline);
}
