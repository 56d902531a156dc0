/** Routes that read a log: pages, templates, the timeline of an overview (contract 5 and 6). */
import { limits } from "../config.ts";
import { refuse } from "../wire/outcome.ts";
import { type PageGap, pageBody, pageContentType, pageHeaders } from "../wire/page.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Exchange, jsonAnswer, refusalAnswer } from "./exchange.ts";
import { sessionNotFound } from "./intake.ts";
import { isRefusal, wholeNumber } from "./query-input.ts";
import { parseFilter, parseReadQuery, type ReadQuery } from "./read-input.ts";
import type { Reads } from "./reads.ts";
import { sessionOf } from "./routes-sessions.ts";
import type { Session } from "./session.ts";

/** GET /sessions/{id}/log. */
export async function getLog(engine: Engine, reads: Reads, exchange: Exchange): Promise<Answer> {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return refusalAnswer(session);
  const query = parseReadQuery(exchange.query, exchange.accept);
  if (isRefusal(query)) return refusalAnswer(query);
  if (query.waitMs > 0 && reads.waitingCount >= limits.socketCountMax) {
    return refusalAnswer(
      refuse("overloaded", "As many reads wait as the server takes: come back without wait.", { retryAfterSeconds: 5 }),
    );
  }
  engine.counters.read++;
  return readLog(engine, reads, exchange, session, query);
}

async function readLog(engine: Engine, reads: Reads, exchange: Exchange, session: Session, query: ReadQuery): Promise<Answer> {
  const endMs = engine.clock.monotonicMs() + query.waitMs;
  let start = query.start;
  let gap: PageGap | undefined;
  for (;;) {
    const page = await reads.page(session, { ...query, start });
    if (isRefusal(page)) return refusalAnswer(page);
    gap ??= page.gap;
    const leftMs = endMs - engine.clock.monotonicMs();
    if (page.count > 0 || gap !== undefined || query.limit === 0 || leftMs <= 0 || exchange.isOver) {
      const shown = gap === undefined ? page : { ...page, gap };
      const headers = {
        "Content-Type": pageContentType[page.format],
        "Cache-Control": "no-store",
        ...pageHeaders(shown, session),
      };
      return { status: 200, headers, body: pageBody(shown, session) };
    }
    // What did not match need not be looked at again.
    start = { kind: "cursor", cursor: page.cursor };
    await reads.waitForMore(session, page.cursor, leftMs);
    if (session.isRemoved) return refusalAnswer(sessionNotFound(session.id));
  }
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
