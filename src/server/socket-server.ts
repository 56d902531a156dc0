/** Registers `/sessions/ws` and keeps the list of open sockets. */
import uWS, {
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  type us_socket_context_t,
  type WebSocket,
} from "uWebSockets.js";
import { limits } from "../config.ts";
import { protocolFlatbuffers, protocolJson } from "../wire/api.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { refusalAnswer, writeAnswer } from "./exchange.ts";
import type { HostGuard } from "./hosts.ts";
import { refuseBadHost, refuseOtherVerbs } from "./http.ts";
import { SocketConnection, type SocketContext } from "./socket.ts";
import type { SocketData } from "./socket-out.ts";

/** The library's socket, the same object in every callback. What is ours is kept on it from `open` on: asking for data is a call. */
interface Socket extends WebSocket<SocketData> {
  connection?: SocketConnection;
  /** Takes the connection off the list of open ones. */
  forget?: () => void;
}

const forbiddenOrigin = refuse("forbidden", "This Origin is not allowed: start the server with --allow-origin.");
const notAnUpgrade = refuse(
  "invalid_query",
  "This path takes WebSockets: send Upgrade: websocket, Connection: Upgrade and a Sec-WebSocket-Key of 16 bytes in base64.",
);
const wrongVersion = refuse("invalid_query", "Sec-WebSocket-Version must be 13.");
/** RFC 6455. */
const protocolVersion = "13";
const tooManySockets = refuse("overloaded", `The server has ${limits.socketCountMax} sockets open.`, { retryAfterSeconds: 5 });

/** Adds the WebSocket route. @param bodyLimitBytes an append's message may be as large as a body. */
export function addSocketRoute(app: TemplatedApp, context: SocketContext, guard: HostGuard, bodyLimitBytes: number): void {
  const { connections } = context.live;
  app.ws<SocketData>("/sessions/ws", {
    compression: uWS.DISABLED,
    // The library cuts larger messages without a close frame, so it is given twice what we take: in between we say 1009.
    maxPayloadLength: 2 * (bodyLimitBytes + limits.socketEnvelopeSizeBytes),
    // 0: the library never drops. We send only while a socket is under its budget.
    maxBackpressure: 0,
    idleTimeout: limits.socketIdleSeconds,
    sendPingsAutomatically: true,
    upgrade: (response, request, upgradeContext) => upgrade(context, guard, response, request, upgradeContext),
    open: (socket: Socket) => {
      socket.connection = new SocketConnection(socket, context, bodyLimitBytes);
      socket.forget = connections.add(socket.connection);
    },
    message: (socket, message, isBinary) => receive(context, socket, message, isBinary),
    drain: (socket) => guarded(context, socket, (connection) => connection.drained()),
    close: (socket: Socket) => {
      socket.connection?.closed();
      socket.forget?.();
    },
  });
  // The library passes on what is no upgrade.
  app.get("/sessions/ws", (response, request) => {
    context.engine.counters.request++;
    if (!refuseBadHost(guard, response, request)) answerRefusal(context, response, notAnUpgrade);
  });
  refuseOtherVerbs(app, "/sessions/ws", ["GET"], context.engine, guard);
}

/** The hot one of the callbacks: `guarded` without a closure. */
function receive(context: SocketContext, { connection }: Socket, message: ArrayBuffer, isBinary: boolean): void {
  try {
    connection?.receive(message, isBinary);
  } catch (error) {
    failed(context, connection, error);
  }
}

function guarded(context: SocketContext, { connection }: Socket, action: (connection: SocketConnection) => void): void {
  if (connection === undefined) return;
  try {
    action(connection);
  } catch (error) {
    failed(context, connection, error);
  }
}

function failed(context: SocketContext, connection: SocketConnection | undefined, error: unknown): void {
  context.engine.log.error({ err: error }, "A WebSocket message failed");
  connection?.close(1011, "internal error");
}

function upgrade(
  context: SocketContext,
  guard: HostGuard,
  response: HttpResponse,
  request: HttpRequest,
  upgradeContext: us_socket_context_t,
): void {
  context.engine.counters.request++;
  if (refuseBadHost(guard, response, request)) return;
  const refusal = upgradeRefusal(context, guard, request);
  if (refusal !== undefined) return answerRefusal(context, response, refusal);
  const offered = request
    .getHeader("sec-websocket-protocol")
    .split(",")
    .map((name) => name.trim());
  const protocol = offered.find((name) => name === protocolJson || name === protocolFlatbuffers) ?? "";
  const data: SocketData = { isBinary: protocol === protocolFlatbuffers };
  const key = request.getHeader("sec-websocket-key");
  response.upgrade(data, key, protocol, request.getHeader("sec-websocket-extensions"), upgradeContext);
}

function upgradeRefusal({ engine, live }: SocketContext, guard: HostGuard, request: HttpRequest): Refusal | undefined {
  // The library looks at nothing but the key.
  if (request.getHeader("upgrade").toLowerCase() !== "websocket") return notAnUpgrade;
  if (!/(^|,)\s*upgrade\s*(,|$)/i.test(request.getHeader("connection"))) return notAnUpgrade;
  if (request.getHeader("sec-websocket-version") !== protocolVersion) return wrongVersion;
  if (!/^[A-Za-z0-9+/]{22}==$/.test(request.getHeader("sec-websocket-key"))) return notAnUpgrade;
  if (!guard.isGoodOrigin(request.getHeader("origin"), request.getHeader("host"))) return forbiddenOrigin;
  if (live.connections.socketCount >= limits.socketCountMax) return tooManySockets;
  return engine.gate.isStopping ? engine.gate.intakeRefusal : undefined;
}

function answerRefusal({ engine }: SocketContext, response: HttpResponse, refusal: Refusal): void {
  engine.counters.bad_request++;
  const answer = refusalAnswer(refusal);
  const headers = { ...answer.headers, ...(refusal === wrongVersion ? { "Sec-WebSocket-Version": protocolVersion } : {}) };
  response.onAborted(() => {});
  response.cork(() => writeAnswer(response, { ...answer, headers }));
}
