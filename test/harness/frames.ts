/** WebSocket frames of every shape, right and wrong (RFC 6455, 5.2), on a connection that was upgraded by hand. */
import { RawConnection } from "./raw.ts";

/** How a frame is laid out; absent: as a well-behaved client would. */
export interface FrameShape {
  readonly fin?: boolean;
  /** The three reserved bits, 0…7. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Form of the length: the shortest one, or forced. */
  readonly lengthForm?: "short" | "16" | "64";
  /** The length that is said, if that is not the payload's. */
  readonly length?: bigint;
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** Returns the bytes of a frame. */
export function frameOf(opcode: number, payload: string | Uint8Array = "", shape: FrameShape = {}): Buffer {
  const { fin = true, reserved = 0, masked = true, length } = shape;
  const body = Buffer.from(payload as string);
  const size = length ?? BigInt(body.length);
  const form = shape.lengthForm ?? (size < 126n ? "short" : size < 65_536n ? "16" : "64");
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const maskBit = masked ? 0x80 : 0;
  if (form === "short") head.push(maskBit | Number(size));
  else {
    head.push(maskBit | (form === "16" ? 126 : 127));
    for (let shift = form === "16" ? 8n : 56n; shift >= 0n; shift -= 8n) head.push(Number((size >> shift) & 0xffn));
  }
  const sent = masked ? body.map((byte, index) => byte ^ (mask[index % 4] as number)) : body;
  return Buffer.concat([Buffer.from(head), ...(masked ? [mask] : []), sent]);
}

/** Returns the payload of a close frame. */
export function closePayload(code: number, reason: string | Uint8Array = ""): Buffer {
  const bytes = Buffer.from(reason as string);
  const payload = Buffer.alloc(2 + bytes.length);
  payload.writeUInt16BE(code, 0);
  bytes.copy(payload, 2);
  return payload;
}

/** A frame of the server. */
export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Upgrades a fresh connection; throws when the server does not want it. */
export async function upgrade(port: number, more = ""): Promise<RawConnection> {
  const raw = await RawConnection.open(port);
  raw.send(
    `GET /sessions/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${more}\r\n`,
  );
  const answer = await raw.answer();
  if (answer?.status !== 101) throw new Error(`no upgrade: ${answer?.head}`);
  return raw;
}

/** Returns the next frame of the server, undefined when the connection ends first. */
export async function nextFrame(raw: RawConnection): Promise<ServerFrame | undefined> {
  const head = await raw.take(2);
  if (head.length < 2) return undefined;
  const short = (head[1] as number) & 0x7f;
  let size = short;
  if (short === 126) size = (await raw.take(2)).readUInt16BE(0);
  if (short === 127) size = Number((await raw.take(8)).readBigUInt64BE(0));
  return { opcode: (head[0] as number) & 0x0f, payload: await raw.take(size) };
}
