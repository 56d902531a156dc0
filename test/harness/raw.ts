/** A TCP connection that says exactly what a test wants, and reads HTTP answers one by one. */
import { connect, type Socket } from "node:net";
import { until } from "./until.ts";

/** An HTTP answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  /** The peer has closed, or the connection broke. */
  isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on("error", () => {
      this.isClosed = true;
    });
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        this.isClosed = true;
      });
    }
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      socket.setNoDelay(true);
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RawConnection(socket)));
    });
  }

  /** Bytes that came and were not read as an answer. */
  get rest(): Buffer {
    return this.#received;
  }

  send(data: string | Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(data);
  }

  /** Waits for the next answer; undefined when the connection ends without one. */
  async answer(isHead = false): Promise<RawAnswer | undefined> {
    const answer = await until("an HTTP answer", () => this.#tryTake(isHead) ?? (this.isClosed ? "closed" : undefined));
    return answer === "closed" ? undefined : answer;
  }

  #tryTake(isHead: boolean): RawAnswer | undefined {
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const head = this.#received.subarray(0, end).toString("latin1");
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
    const length = isHead ? 0 : Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    if (this.#received.length < end + 4 + length) return undefined;
    const body = this.#received.subarray(end + 4, end + 4 + length).toString("utf8");
    this.#received = this.#received.subarray(end + 4 + length);
    return { status, head, body };
  }

  /** Waits until `count` bytes are there and takes them. */
  async take(count: number): Promise<Buffer> {
    await until(`${count} bytes`, () => this.#received.length >= count || this.isClosed);
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(taken.length);
    return taken;
  }

  async closed(): Promise<void> {
    await until("the end of the connection", () => this.isClosed);
  }

  destroy(): void {
    this.socket.destroy();
  }
}
