/** A WebSocket spoken byte by byte: says what no client library would, and hears exactly what the server answers. */
import { randomBytes } from "node:crypto";
import type { ServerMessage } from "#src/wire/api.ts";
import { RawConnection } from "../harness/raw.ts";
import { until } from "../harness/until.ts";

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A frame as it is sent; what is left out is as RFC 6455 wants it. */
export interface FrameOptions {
  readonly opcode?: number;
  readonly payload?: string | Uint8Array;
  readonly isFinal?: boolean;
  /** The three reserved bits, as in the first byte. */
  readonly reserved?: number;
  /** undefined: none. */
  readonly mask?: Uint8Array | undefined;
  /** Bytes that the length takes: 1, 3 or 9. */
  readonly lengthSizeBytes?: 1 | 3 | 9;
  /** What the length says, if that is not the payload's. */
  readonly length?: bigint;
}

const opening = {
  host: "localhost",
  upgrade: "websocket",
  connection: "Upgrade",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-version": "13",
};

/** Returns the head of an upgrade; a header that is undefined is left out. */
export function upgradeRequest(changes: Record<string, string | undefined> = {}, line = "GET /sessions/ws HTTP/1.1"): string {
  const headers = Object.entries({ ...opening, ...changes }).filter(([, value]) => value !== undefined);
  return `${line}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** Returns the bytes of a frame. */
export function frame(options: FrameOptions = {}): Buffer {
  const payload = Buffer.from(options.payload ?? "");
  const mask = "mask" in options ? options.mask : randomBytes(4);
  const size = options.lengthSizeBytes ?? (payload.length < 126 ? 1 : payload.length < 65_536 ? 3 : 9);
  const head = Buffer.alloc(1 + size);
  head[0] = (options.isFinal === false ? 0 : 0x80) | (options.reserved ?? 0) | (options.opcode ?? opcode.text);
  const length = options.length ?? BigInt(payload.length);
  if (size === 1) head[1] = Number(length);
  else if (size === 3) head.writeUInt16BE(Number(length), 2);
  else head.writeBigUInt64BE(length, 2);
  if (size > 1) head[1] = size === 3 ? 126 : 127;
  if (mask === undefined) return Buffer.concat([head, payload]);
  head[1] = (head[1] as number) | 0x80;
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ (mask[index % 4] as number))]);
}

/** A frame as it came. */
export interface HeardFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export class RawSocket {
  readonly connection: RawConnection;

  private constructor(connection: RawConnection) {
    this.connection = connection;
  }

  /** Opens a socket; the greeting has been heard when this resolves. */
  static async open(port: number, changes: Record<string, string | undefined> = {}): Promise<RawSocket> {
    const connection = await RawConnection.open(port);
    connection.send(upgradeRequest(changes));
    const answer = await connection.answer();
    if (answer?.status !== 101) throw new Error(`no socket: ${answer?.status} ${answer?.body}`);
    const socket = new RawSocket(connection);
    await socket.message();
    return socket;
  }

  send(...bytes: readonly Uint8Array[]): void {
    this.connection.send(Buffer.concat(bytes));
  }

  /** Returns the next frame; undefined when the connection ends without one. */
  async heard(): Promise<HeardFrame | undefined> {
    const found = await until("a frame", () => this.#tryFind() ?? (this.connection.isClosed ? "over" : undefined));
    if (found === "over") return undefined;
    const bytes = await this.connection.take(found.headSize + found.size);
    return { opcode: (bytes[0] as number) & 0x0f, payload: bytes.subarray(found.headSize) };
  }

  /** Returns the next text message. */
  async message(): Promise<ServerMessage> {
    const found = await this.heard();
    if (found?.opcode !== opcode.text) throw new Error(`no message but ${JSON.stringify(found)}`);
    return JSON.parse(found.payload.toString("utf8")) as ServerMessage;
  }

  /** How the server ends the connection: the code of its close frame, or "cut" when there is none. Other frames are skipped. */
  async end(): Promise<number | "cut"> {
    for (;;) {
      const found = await this.heard();
      if (found === undefined) return "cut";
      if (found.opcode === opcode.close) return found.payload.length < 2 ? 1005 : found.payload.readUInt16BE(0);
    }
  }

  destroy(): void {
    this.connection.destroy();
  }

  #tryFind(): { headSize: number; size: number } | undefined {
    const { rest } = this.connection;
    if (rest.length < 2) return undefined;
    const short = (rest[1] as number) & 0x7f;
    const headSize = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (rest.length < headSize) return undefined;
    const size = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    return rest.length < headSize + size ? undefined : { headSize, size };
  }
}
