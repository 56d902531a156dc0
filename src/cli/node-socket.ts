/** The WebSocket of Node: package `ws` behind the client's interface. */
import { WebSocket } from "ws";
import type { SocketLike } from "../client/live-socket.ts";

/** One delta is far below this; a server that sends more is not ours. */
const messageSizeBytesMax = 128 * 1024 * 1024;

/** Opens a WebSocket without compression: on one machine it costs more than it saves. */
export function openNodeSocket(url: string, protocols: string[]): SocketLike {
  return new WebSocket(url, protocols, { perMessageDeflate: false, maxPayload: messageSizeBytesMax });
}
