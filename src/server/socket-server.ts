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
import { refuse } from "../wire/outcome.ts";
import { isLoopback, refusalAnswer, writeAnswer } from "./exchange.ts";
import type { HostGuard } from "./hosts.ts";
import { refuseBadHost } from "./http.ts";
import { SocketConnection, type SocketContext, type SocketData } from "./socket.ts";

export interface SocketServer {
  /** Ends every socket with this code. */
  closeAll(code: number, reason: string): void;
}

const forbiddenOrigin = refuse("forbidden", "This Origin is not allowed: start the server with --allow-origin.");
const tooManySockets = refuse("overloaded", `The server has ${limits.socketCountMax} sockets open.`, { retryAfterSeconds: 5 });

/** Adds the WebSocket route. @param bodyLimitBytes an append's message may be as large as a body. */
export function addSocketRoute(
  app: TemplatedApp,
  context: SocketContext,
  guard: HostGuard,
  bodyLimitBytes: number,
): SocketServer {
  const sockets = new Set<SocketConnection>();
  app.ws<SocketData>("/sessions/ws", {
    compression: uWS.DISABLED,
    // Above our own limit, so that we answer with an error or 1009 instead of a dropped socket; the envelope rides on top.
    maxPayloadLength: bodyLimitBytes + 64 * 1024,
    // 0: the library never drops. We send only while a socket is under its budget.
    maxBackpressure: 0,
    idleTimeout: 60,
    sendPingsAutomatically: true,
    upgrade: (response, request, upgradeContext) => upgrade(context, guard, response, request, upgradeContext),
    open: (socket) => {
      const connection = new SocketConnection(socket, context);
      socket.getUserData().connection = connection;
      sockets.add(connection);
      context.live.socketCount++;
    },
    message: (socket, message, isBinary) => guarded(context, socket, (connection) => connection.receive(message, isBinary)),
    drain: (socket) => guarded(context, socket, (connection) => connection.drained()),
    close: (socket) => {
      const { connection } = socket.getUserData();
      if (connection === undefined) return;
      connection.closed();
      sockets.delete(connection);
      context.live.socketCount--;
    },
  });
  return {
    closeAll(code, reason) {
      for (const connection of [...sockets]) connection.close(code, reason);
    },
  };
}

function guarded(context: SocketContext, socket: WebSocket<SocketData>, action: (connection: SocketConnection) => void): void {
  const { connection } = socket.getUserData();
  if (connection === undefined) return;
  try {
    action(connection);
  } catch (error) {
    context.engine.log.error({ err: error }, "A WebSocket message failed");
    connection.close(1011, "internal error");
  }
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
  const refusal = !guard.isGoodOrigin(request.getHeader("origin"))
    ? forbiddenOrigin
    : context.live.socketCount >= limits.socketCountMax
      ? tooManySockets
      : context.engine.gate.isStopping
        ? context.engine.gate.intakeRefusal
        : undefined;
  if (refusal !== undefined) {
    response.onAborted(() => {});
    response.cork(() => writeAnswer(response, refusalAnswer(refusal)));
    return;
  }
  const offered = request
    .getHeader("sec-websocket-protocol")
    .split(",")
    .map((name) => name.trim());
  const protocol = offered.find((name) => name === protocolJson || name === protocolFlatbuffers) ?? "";
  const data: SocketData = { isBinary: protocol === protocolFlatbuffers, isLocal: isLoopback(response), connection: undefined };
  const key = request.getHeader("sec-websocket-key");
  response.upgrade(data, key, protocol, request.getHeader("sec-websocket-extensions"), upgradeContext);
}
