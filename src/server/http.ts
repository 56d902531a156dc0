/** The routes: which verb on which path does what. Every handler is wrapped: no exception reaches the library. */
import uWS, { type HttpRequest, type HttpResponse, type TemplatedApp } from "uWebSockets.js";
import { utf8 } from "../base/bytes.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";
import { type Answer, Exchange, refusalAnswer, writeAnswer } from "./exchange.ts";
import type { HostGuard } from "./hosts.ts";

export type Handler = (exchange: Exchange) => Answer | Promise<Answer> | undefined;

/** One path and its verbs; other verbs are answered 405 with `Allow`. */
export interface Route {
  readonly path: string;
  readonly verbs: Readonly<Partial<Record<"get" | "post" | "put" | "del", Handler>>>;
  /** Verbs that are registered elsewhere, for `Allow`. */
  readonly otherVerbs?: readonly string[];
}

const forbiddenHost = refuse(
  "forbidden",
  "This Host is not served: use the bound address or start the server with --allow-host.",
);
/** LIBUS_LISTEN_EXCLUSIVE_PORT: no second server on the same port. */
const exclusivePort = 1;
/** As bytes, which the library takes without a copy: every request is asked for it. */
const hostName = utf8("host");
const verbNames = { get: "GET", post: "POST", put: "PUT", del: "DELETE" } as const;

/** Registers the routes on `app`. */
export function addRoutes(app: TemplatedApp, routes: readonly Route[], engine: Engine, guard: HostGuard): void {
  for (const route of routes) {
    const parameterCount = route.path.split("/:").length - 1;
    const verbs = Object.keys(route.verbs) as (keyof typeof verbNames)[];
    for (const verb of verbs) {
      const handler = route.verbs[verb] as Handler;
      app[verb](route.path, (response, request) => handle(engine, guard, handler, response, request, parameterCount));
      // HEAD is GET whose body stays away.
      if (verb === "get")
        app.head(route.path, (response, request) => handle(engine, guard, handler, response, request, parameterCount));
    }
    refuseOtherVerbs(app, route.path, [...verbs.map((verb) => verbNames[verb]), ...(route.otherVerbs ?? [])], engine, guard);
  }
  const notFound: Handler = (exchange) =>
    refusalAnswer(refuse("not_found", `There is nothing at ${exchange.path.slice(0, 200)}: see /openapi.json.`));
  app.any("/*", (response, request) => handle(engine, guard, notFound, response, request, 0));
}

/** Answers all verbs but these with 405. */
export function refuseOtherVerbs(
  app: TemplatedApp,
  path: string,
  allowed: readonly string[],
  engine: Engine,
  guard: HostGuard,
): void {
  const allow = allowed.join(", ");
  const notAllowed = refuse("method_not_allowed", `This path takes ${allow}.`, { allow });
  const answer = (response: HttpResponse, request: HttpRequest) =>
    handle(engine, guard, () => refusalAnswer(notAllowed), response, request, 0);
  // One by one, too: before it comes to `any`, the library would take the last part of the path for the id of another route.
  for (const verb of Object.keys(verbNames) as (keyof typeof verbNames)[])
    if (!allowed.includes(verbNames[verb])) app[verb](path, answer);
  app.any(path, answer);
}

/** Answers a bad Host and says so; false: the request goes on. For handlers that do not take an exchange. */
export function refuseBadHost(guard: HostGuard, response: HttpResponse, request: HttpRequest): boolean {
  if (guard.isGoodHost(request.getHeader(hostName))) return false;
  response.onAborted(() => {});
  const isHead = request.getMethod() === "head";
  response.cork(() => writeAnswer(response, refusalAnswer(forbiddenHost), isHead));
  return true;
}

function handle(
  engine: Engine,
  guard: HostGuard,
  handler: Handler,
  response: HttpResponse,
  request: HttpRequest,
  parameterCount: number,
): void {
  engine.counters.request++;
  if (refuseBadHost(guard, response, request)) return;
  const exchange = new Exchange(response, request, parameterCount);
  const fail = (error: unknown) => {
    engine.log.error({ err: error, path: exchange.path }, "A request failed");
    exchange.answer(internalError);
  };
  try {
    const answer = handler(exchange);
    if (answer === undefined) return;
    if (answer instanceof Promise) answer.then((later) => finish(engine, exchange, later), fail);
    else finish(engine, exchange, answer);
  } catch (error) {
    fail(error);
  }
}

function finish(engine: Engine, exchange: Exchange, answer: Answer): void {
  if (answer.status >= 400) engine.counters.bad_request++;
  exchange.answer(answer);
}

const internalError: Answer = {
  status: 500,
  body: JSON.stringify({ error: { code: "internal_error", message: "The server made a mistake; its log says more." } }),
};

/** A socket that takes connections. */
export interface Listening {
  readonly port: number;
  close(): void;
}

/** Listens, or says why not. Port 0 picks a free one. */
export function listen(app: TemplatedApp, host: string, port: number): Promise<Listening | Refusal> {
  return new Promise((resolve) => {
    // The library takes (host, port, options, callback); its types know this call only without options.
    const listenOn = app.listen.bind(app) as unknown as (
      host: string,
      port: number,
      options: number,
      done: (socket: uWS.us_listen_socket | false) => void,
    ) => void;
    listenOn(host, port, exclusivePort, (socket) => {
      if (!socket)
        return resolve(
          refuse(
            "storage_unavailable",
            `Port ${port} on ${host} is taken, or that is no address of this machine: choose with --port and --host.`,
          ),
        );
      resolve({ port: uWS.us_socket_local_port(socket), close: () => uWS.us_listen_socket_close(socket) });
    });
  });
}
