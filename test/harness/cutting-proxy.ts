/** A TCP proxy between clients and a server that cuts connections after a random number of bytes. */

import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Random } from "./random.ts";

export class CuttingProxy {
  readonly #server: Server;
  readonly #random: Random;
  readonly #open = new Set<Socket>();
  /** Bytes after which a connection is cut lie between these. */
  bytesMin = 200;
  bytesMax = 200_000;
  cutCount = 0;

  private constructor(targetPort: number, random: Random) {
    this.#random = random;
    this.#server = createServer((client) => this.#join(client, connect(targetPort, "127.0.0.1")));
  }

  static open(targetPort: number, random: Random): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(targetPort, random);
    return new Promise((resolve) => proxy.#server.listen(0, "127.0.0.1", () => resolve(proxy)));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #join(client: Socket, target: Socket): void {
    let left = this.#random.whole(this.bytesMin, this.bytesMax);
    const cut = () => {
      client.destroy();
      target.destroy();
    };
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#open.add(from);
      from.on("error", cut).on("close", () => {
        this.#open.delete(from);
        cut();
      });
      from.on("data", (chunk: Buffer) => {
        if (chunk.length < left) {
          left -= chunk.length;
          if (!to.write(chunk)) from.pause();
          return;
        }
        // The last bytes before the cut still arrive, so that it falls anywhere in a message.
        this.cutCount++;
        to.write(chunk.subarray(0, left), cut);
        from.pause();
      });
      to.on("drain", () => from.resume());
    }
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }
}
