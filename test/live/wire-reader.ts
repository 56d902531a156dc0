/**
 * A subscriber of the binary protocol straight on TCP, for hundreds of them at full speed: it looks at the head of each delta
 * only. A delta begins at the cursor where the last one ended, so heads that fit say that nothing is missing or repeated.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { deltaFrameAt, deltaFrameHeadSizeBytes, deltaFrameMagic } from "#src/wire/frame.ts";
import { frame, upgradeRequest } from "./raw-socket.ts";

export class WireReader {
  readonly session: string;
  readonly #socket: Socket;
  /** Bytes of a head that is not complete yet. */
  #rest = Buffer.alloc(0);
  /** Bytes of a frame's payload that are of no interest. */
  #skipSizeBytes = 0;
  #isUpgraded = false;
  cursor = 0;
  gapCount = 0;
  isOver = false;
  sizeBytes = 0;

  constructor(port: number, session: string) {
    this.session = session;
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.isOver = true;
    });
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.write(upgradeRequest({ "sec-websocket-protocol": "tailrace.flatbuffers.v1" }));
  }

  get isReading(): boolean {
    return !this.#socket.isPaused();
  }

  /** Reads no more. */
  stop(): void {
    this.#socket.pause();
  }

  /** Reads as fast as it can. */
  go(): void {
    this.#socket.resume();
  }

  /** Reads so many bytes, of those that Node has for it, or asks the kernel for more. What is read comes as data. */
  sip(sizeBytes: number): void {
    if (this.#socket.read(sizeBytes) === null) this.#socket.read();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.sizeBytes += chunk.length;
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const skipped = Math.min(this.#skipSizeBytes, bytes.length);
      this.#skipSizeBytes -= skipped;
      bytes = bytes.subarray(skipped);
      const used = this.#isUpgraded ? this.#takeFrame(bytes) : this.#takeUpgrade(bytes);
      if (used === 0) break;
      bytes = bytes.subarray(used);
    }
    this.#rest = Buffer.from(bytes);
  }

  #takeUpgrade(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    this.#isUpgraded = true;
    this.#socket.write(
      frame({ payload: JSON.stringify({ type: "subscribe", id: 1, session: this.session, cursor: this.cursor }) }),
    );
    return end + 4;
  }

  /** Returns the bytes of a frame that were looked at; 0: there are too few. */
  #takeFrame(bytes: Buffer): number {
    if (bytes.length < 2) return 0;
    const short = (bytes[1] as number) & 0x7f;
    const headSize = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < headSize) return 0;
    const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    const code = (bytes[0] as number) & 0x0f;
    const wanted = code === 2 ? deltaFrameHeadSizeBytes : size;
    if (bytes.length < headSize + wanted) return 0;
    const payload = bytes.subarray(headSize, headSize + wanted);
    if (code === 2) this.#takeDelta(payload);
    else if (code === 1 && payload.includes('"type":"gap"')) this.gapCount++;
    else if (code === 9) this.#socket.write(frame({ opcode: 10, payload }));
    this.#skipSizeBytes = size - wanted;
    return headSize + wanted;
  }

  #takeDelta(head: Buffer): void {
    assert.equal(head.readUInt32LE(deltaFrameAt.magic), deltaFrameMagic);
    const from = Number(head.readBigUInt64LE(deltaFrameAt.from));
    assert.equal(from, this.cursor, "a delta begins where the last one ended");
    this.cursor = Number(head.readBigUInt64LE(deltaFrameAt.cursor));
  }
}
