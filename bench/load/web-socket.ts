/** A WebSocket client as bare as can be: frames are made before and counted as they come, payloads are not put together. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** What is kept of a payload: enough for the type and the cursor of a message. */
export const payloadHeadSizeBytes = 64;
const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const maskBit = 0x80;
const finBit = 0x80;

export interface SocketTarget {
  readonly port: number;
  readonly path: string;
  /** Subprotocol, or "" for none. */
  readonly protocol: string;
}

/** Opens a connection and resolves after the upgrade, paused; bytes behind the upgrade are put back. */
export async function openWebSocket({ port, path, protocol }: SocketTarget): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  await once(socket, "connect");
  const lines = [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, "Upgrade: websocket", "Connection: Upgrade"];
  lines.push(`Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`, "Sec-WebSocket-Version: 13");
  if (protocol !== "") lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  let received = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    socket.pause();
    received = Buffer.concat([received, chunk]);
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) {
      socket.resume();
      continue;
    }
    if (!received.subarray(0, 12).equals(Buffer.from("HTTP/1.1 101"))) throw new Error(received.toString("latin1"));
    if (end + 4 < received.length) socket.unshift(received.subarray(end + 4));
    return socket;
  }
}

/** Returns the frame of a message. The mask is zero: a server unmasks it all the same, and it costs us nothing. */
export function clientFrame(payload: Uint8Array, isText: boolean): Uint8Array {
  return framed(payload, isText ? opcodes.text : opcodes.binary);
}

function framed(payload: Uint8Array, opcode: number): Uint8Array {
  const size = payload.length;
  const lengthSizeBytes = size < 126 ? 0 : size < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthSizeBytes + 4 + size);
  frame[0] = finBit | opcode;
  frame[1] = maskBit | (size < 126 ? size : size < 65_536 ? 126 : 127);
  if (lengthSizeBytes === 2) frame.writeUInt16BE(size, 2);
  else if (lengthSizeBytes === 8) frame.writeBigUInt64BE(BigInt(size), 2);
  frame.set(payload, 2 + lengthSizeBytes + 4);
  return frame;
}

/** Told of each whole message: its first bytes and its size. */
export type OnMessage = (head: Buffer, sizeBytes: number) => void;

/** Reads a server's frames; answers pings, tells of text and binary ones. */
export class FrameReader {
  readonly #socket: Socket;
  readonly #onMessage: OnMessage;
  #rest: Buffer | undefined;
  #head: Buffer | undefined;
  #opcode = 0;
  #sizeBytes = 0;
  #missingBytes = 0;

  constructor(socket: Socket, onMessage: OnMessage) {
    this.#socket = socket;
    this.#onMessage = onMessage;
  }

  /** Takes what the socket received. */
  add(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length) {
      if (this.#head === undefined) {
        const start = this.#tryBegin(bytes, at);
        if (start < 0) {
          this.#rest = bytes.subarray(at);
          return;
        }
        at = start;
      }
      const taken = Math.min(this.#missingBytes, bytes.length - at);
      at += taken;
      this.#missingBytes -= taken;
      if (this.#missingBytes === 0) this.#finish();
    }
  }

  /** Reads a frame's header; returns where what follows the kept head begins, or -1 when more bytes are needed. */
  #tryBegin(bytes: Buffer, at: number): number {
    const available = bytes.length - at;
    if (available < 2) return -1;
    const short = (bytes[at + 1] as number) & 0x7f;
    const headerSize = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (available < headerSize) return -1;
    const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    const kept = Math.min(size, payloadHeadSizeBytes);
    if (available < headerSize + kept) return -1;
    this.#opcode = (bytes[at] as number) & 0x0f;
    this.#sizeBytes = size;
    this.#head = bytes.subarray(at + headerSize, at + headerSize + kept);
    this.#missingBytes = size - kept;
    if (this.#missingBytes === 0) this.#finish();
    return at + headerSize + kept;
  }

  #finish(): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#head = undefined;
    if (this.#opcode === opcodes.ping) this.#socket.write(framed(head, opcodes.pong));
    else if (this.#opcode <= opcodes.binary) this.#onMessage(head, this.#sizeBytes);
  }
}

/** Returns the number that follows `"cursor":` in the first bytes of a message, or -1. */
export function jsonCursorOf(head: Buffer): number {
  const at = head.indexOf('"cursor":');
  if (at < 0) return -1;
  let value = 0;
  for (let index = at + 9; index < head.length; index++) {
    const digit = (head[index] as number) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}
