/** The table of routes. */
import type { TemplatedApp } from "uWebSockets.js";
import type { Refusal } from "../wire/outcome.ts";
import type { Archivist } from "./archivist.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Exchange, jsonAnswer, refusalAnswer } from "./exchange.ts";
import type { HostGuard } from "./hosts.ts";
import { type Handler, type Route, refuseBadHost } from "./http.ts";
import { intake } from "./intake.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Live } from "./live.ts";
import { flagOf, isRefusal } from "./query-input.ts";
import type { ReaderBooks } from "./reader-books.ts";
import type { Reads } from "./reads.ts";
import { getLog, getTemplates, getTimeline } from "./routes-log.ts";
import { getHealth, getMetrics, getReady, getStats } from "./routes-operations.ts";
import * as readers from "./routes-readers.ts";
import { deleteSession, getSession, listSessions, postHeartbeat, postSession, putSession, sessionOf } from "./routes-sessions.ts";
import type { Session } from "./session.ts";
import type { SessionsFeed } from "./sessions-feed.ts";
import { followStream } from "./sse.ts";
import { dashboardRoutes } from "./static.ts";
import type { Waits } from "./waits.ts";

/** What the routes work with. */
export interface RouteContext {
  readonly engine: Engine;
  readonly live: Live;
  readonly reads: Reads;
  readonly waits: Waits;
  readonly feed: SessionsFeed;
  readonly books: ReaderBooks;
  readonly archivist: Archivist;
  readonly lifecycle: Lifecycle;
  readonly startedMs: number;
  readonly metrics: () => Promise<string>;
  /** Text of /openapi.json. */
  readonly openapi: string;
}

/** Adds the hot route, which takes the library's objects as they are. */
export function addIntake(app: TemplatedApp, engine: Engine, guard: HostGuard, bodyLimitBytes: number): void {
  app.post("/sessions/:id/log", (response, request) => {
    if (!refuseBadHost(guard, response, request)) intake(engine, bodyLimitBytes, response, request);
  });
}

/** Returns all other routes. */
export function routesOf(context: RouteContext): Route[] {
  const { engine, live, reads, archivist, lifecycle } = context;
  const list = (status: "active" | "all"): Route["verbs"] => ({ get: (exchange) => listSessions(engine, exchange, status) });
  const change = (action: (session: Session) => Promise<Refusal | undefined>): Handler => {
    return async (exchange) => {
      const session = sessionOf(engine, exchange);
      const refusal = isRefusal(session) ? session : await action(session);
      return refusal === undefined ? jsonAnswer((session as Session).toObject()) : refusalAnswer(refusal);
    };
  };
  return [
    { path: "/sessions/", verbs: list("active") },
    { path: "/sessions", verbs: list("active") },
    { path: "/sessions/list", verbs: list("all") },
    {
      path: "/sessions/:id",
      verbs: {
        get: (exchange) => getSession(engine, exchange),
        post: (exchange) => postSession(engine, exchange),
        put: (exchange) => putSession(engine, exchange),
        del: (exchange) => deleteSession(engine, exchange),
      },
    },
    // POST is the hot route, added on its own.
    { path: "/sessions/:id/log", verbs: { get: (exchange) => getLog(context, exchange) }, otherVerbs: ["POST"] },
    { path: "/sessions/:id/log/stream", verbs: { get: (exchange) => followStream(engine, live, exchange) } },
    { path: "/sessions/:id/templates", verbs: { get: (exchange) => getTemplates(engine, reads, exchange) } },
    { path: "/sessions/:id/stats", verbs: { get: (exchange) => getTimeline(engine, reads, exchange) } },
    { path: "/sessions/:id/heartbeat", verbs: { post: (exchange) => postHeartbeat(engine, exchange) } },
    { path: "/sessions/:id/archive", verbs: { post: change((session) => archivist.archive(session)) } },
    { path: "/sessions/:id/restore", verbs: { post: change((session) => archivist.restore(session)) } },
    ...readerRoutes(context),
    { path: "/prune", verbs: { post: (exchange) => prune(lifecycle, exchange) } },
    { path: "/healthz", verbs: { get: getHealth } },
    { path: "/readyz", verbs: { get: () => getReady(engine) } },
    { path: "/metrics", verbs: { get: () => getMetrics(context.metrics) } },
    { path: "/stats/sessions", verbs: { get: () => getStats(engine, live, context.startedMs) } },
    { path: "/openapi.json", verbs: { get: () => ({ status: 200, body: context.openapi }) } },
    ...dashboardRoutes(),
  ];
}

function readerRoutes({ engine, books }: RouteContext): Route[] {
  const context = { engine, books };
  return [
    { path: "/sessions/:id/readers", verbs: { get: (exchange) => readers.listReaders(context, exchange) } },
    {
      path: "/sessions/:id/readers/:name",
      verbs: {
        get: (exchange) => readers.getReader(context, exchange),
        put: (exchange) => readers.putReader(context, exchange),
        del: (exchange) => readers.deleteReader(context, exchange),
      },
    },
    { path: "/sessions/:id/readers/:name/claim", verbs: { post: (exchange) => readers.claimReader(context, exchange) } },
    { path: "/sessions/:id/readers/:name/confirm", verbs: { post: (exchange) => readers.confirmReader(context, exchange) } },
    { path: "/sessions/:id/readers/:name/resume", verbs: { post: (exchange) => readers.resumeReader(context, exchange) } },
  ];
}

async function prune(lifecycle: Lifecycle, exchange: Exchange): Promise<Answer> {
  const isDry = flagOf(exchange.query, "dry_run");
  return isRefusal(isDry) ? refusalAnswer(isDry) : jsonAnswer(await lifecycle.prune(isDry));
}
