/** A client of server-sent events that keeps what it was told, and can stop reading for a while. */
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import { inTime, until } from "./until.ts";

/** One event as it came. */
export interface StreamEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

export class EventStream {
  readonly events: StreamEvent[] = [];
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  #rest = "";
  isOver = false;

  private constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.response = response;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#take(text));
    for (const event of ["end", "close", "error", "aborted"]) {
      response.on(event, () => {
        this.isOver = true;
      });
    }
  }

  /** Opens a stream; answers that are no stream reject with their status and body. */
  static open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const opening = new Promise<EventStream>((resolve, reject) => {
      const request = get(url, { headers, agent: false }, (response) => {
        if (response.statusCode === 200) return resolve(new EventStream(request, response));
        response.setEncoding("utf8").on("data", (body: string) => reject(new Error(`${response.statusCode} ${body}`)));
      });
      request.on("error", reject);
    });
    return inTime("a stream", opening);
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split("\n\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) this.events.push(eventOf(part));
  }

  /** Returns the first kept event of this name, waiting for it, and drops it and those before it. */
  async next(name: string): Promise<StreamEvent> {
    const { index } = await until(`an event ${name}`, () => {
      const found = this.events.findIndex((event) => event.event === name);
      if (found < 0 && this.isOver) throw new Error(`the stream ended before ${name}`);
      return found < 0 ? undefined : { index: found };
    });
    return this.events.splice(0, index + 1).at(-1) as StreamEvent;
  }

  async ended(): Promise<void> {
    await until("the stream's end", () => this.isOver);
  }

  close(): void {
    this.#request.destroy();
  }
}

function eventOf(part: string): StreamEvent {
  const value = (name: string) =>
    part
      .split("\n")
      .filter((line) => line.startsWith(`${name}: `))
      .map((line) => line.slice(name.length + 2))
      .join("\n");
  return { event: value("event"), id: value("id"), data: value("data") };
}
