/** A WebSocket of `/sessions/ws` that keeps what it was told. */
import { WebSocket } from "ws";
import type { ServerMessage } from "#src/wire/api.ts";
import { until } from "./until.ts";

/** A message of the server; a binary one is kept as its bytes. */
export type Told = ServerMessage | { readonly type: "binary"; readonly bytes: Buffer };
type ToldOf<Type extends Told["type"]> = Extract<Told, { type: Type }>;

export class LiveSocket {
  readonly socket: WebSocket;
  readonly messages: Told[] = [];
  /** Told of each message, after it was kept. */
  onMessage: ((message: Told) => void) | undefined;
  keeps = true;
  closeCode: number | undefined;
  closeReason = "";

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      const message: Told = isBinary ? { type: "binary", bytes: data as Buffer } : (JSON.parse(String(data)) as ServerMessage);
      if (this.keeps) this.messages.push(message);
      this.onMessage?.(message);
    });
    socket.on("close", (code, reason) => {
      this.closeCode = code;
      this.closeReason = String(reason);
    });
    socket.on("error", () => {});
  }

  /** Opens a socket; it has heard `hello` when this resolves. */
  static async open(url: string, protocols: string[] = [], headers: Record<string, string> = {}): Promise<LiveSocket> {
    const live = new LiveSocket(new WebSocket(`${url.replace("http", "ws")}/sessions/ws`, protocols, { headers }));
    await live.next("hello");
    return live;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Returns the first kept message of this type that `matches`, waiting for it, and drops it. */
  async next<Type extends Told["type"]>(
    type: Type,
    matches: (message: ToldOf<Type>) => boolean = () => true,
  ): Promise<ToldOf<Type>> {
    const isIt = (message: Told) => message.type === type && matches(message as ToldOf<Type>);
    const index = await until(`a message of type ${type}`, () => {
      const found = this.messages.findIndex(isIt);
      if (found < 0 && this.closeCode !== undefined) throw new Error(`the socket closed (${this.closeCode}) before ${type}`);
      return found < 0 ? undefined : { found };
    });
    return this.messages.splice(index.found, 1)[0] as ToldOf<Type>;
  }

  async closed(): Promise<number> {
    await until("the socket's end", () => this.closeCode !== undefined);
    return this.closeCode as number;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed();
  }

  terminate(): void {
    this.socket.terminate();
  }
}
