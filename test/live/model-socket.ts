/** A WebSocket of the library without a wire: what is sent queues up until the test takes it. */
import type { WebSocket } from "uWebSockets.js";
import { SocketConnection } from "#src/server/socket.ts";
import type { SocketData } from "#src/server/socket-out.ts";
import type { ServerMessage } from "#src/wire/api.ts";
import { type DeltaFrame, readDeltaFrame } from "#src/wire/frame.ts";
import type { LiveMachine } from "./live-machine.ts";

/** A message as it was sent; of a binary one the head. */
export type SentMessage = ServerMessage | ({ readonly type: "binary" } & Omit<DeltaFrame, "payloads">);

export class ModelSocket {
  readonly connection: SocketConnection;
  readonly messages: SentMessage[] = [];
  pingCount = 0;
  closeCode: number | undefined;
  /** The wire takes everything at once. */
  isFast = true;
  queuedSizeBytes = 0;
  queuedSizeBytesMax = 0;

  constructor(machine: LiveMachine, isBinary = false) {
    const data: SocketData = { isBinary };
    const library = {
      getUserData: () => data,
      getBufferedAmount: () => this.queuedSizeBytes,
      send: (message: string | Uint8Array) => this.#send(message),
      ping: () => void this.pingCount++,
      cork: (action: () => void) => action(),
      end: (code: number) => {
        this.closeCode = code;
        this.connection.closed();
      },
    };
    const socket = library as unknown as WebSocket<SocketData>;
    this.connection = new SocketConnection(socket, machine, bodyLimitBytes);
    machine.live.connections.add(this.connection);
  }

  receive(message: object | string): void {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    const bytes = new TextEncoder().encode(text);
    this.connection.receive(bytes.buffer as ArrayBuffer, false);
  }

  /** The wire takes so many bytes of what is queued. */
  drain(sizeBytes = Number.POSITIVE_INFINITY): void {
    this.queuedSizeBytes = Math.max(0, this.queuedSizeBytes - sizeBytes);
    this.connection.drained();
  }

  /** Returns the messages of one type. */
  of<Type extends SentMessage["type"]>(type: Type): Extract<SentMessage, { type: Type }>[] {
    return this.messages.filter((message): message is Extract<SentMessage, { type: Type }> => message.type === type);
  }

  #send(message: string | Uint8Array): void {
    const sizeBytes = typeof message === "string" ? Buffer.byteLength(message) : message.length;
    if (!this.isFast) this.queuedSizeBytes += sizeBytes;
    this.queuedSizeBytesMax = Math.max(this.queuedSizeBytesMax, this.queuedSizeBytes);
    const text = typeof message === "string" ? message : Buffer.from(message).toString("utf8");
    if (text.startsWith("{")) return void this.messages.push(JSON.parse(text) as ServerMessage);
    const { payloads: _payloads, ...head } = readDeltaFrame(message as Uint8Array<ArrayBuffer>) as DeltaFrame;
    this.messages.push({ type: "binary", ...head });
  }
}

/** Of the sockets' server. */
export const bodyLimitBytes = 1 << 20;
