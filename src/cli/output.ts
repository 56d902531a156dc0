/** Standard output and error of one run: data with backpressure, talk for people, both quiet about a closed pipe. */
import { once } from "node:events";
import { type Paint, paintFor, visibleJson } from "./terminal.ts";

/** The reason of the abort signal when the reader of standard output went away. */
export class PipeClosed extends Error {
  override readonly name = "PipeClosed";
}

export class Output {
  readonly stream: NodeJS.WriteStream;
  readonly isTerminal: boolean;
  readonly paint: Paint;

  constructor(stream: NodeJS.WriteStream, environment: Readonly<Record<string, string | undefined>>) {
    this.stream = stream;
    this.isTerminal = stream.isTTY === true;
    this.paint = paintFor(stream, environment);
  }

  /** Columns of the terminal; no limit elsewhere. */
  get columns(): number {
    return this.isTerminal ? this.stream.columns || 80 : Number.POSITIVE_INFINITY;
  }

  /** Writes and waits until there is room for more. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.stream.destroyed || this.stream.write(data)) return;
    await once(this.stream, "drain").catch(() => {});
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Writes one JSON document: laid out for people on a terminal, on one line for programs. */
  async json(value: unknown): Promise<void> {
    await this.line(this.isTerminal ? visibleJson(JSON.stringify(value, null, 2)) : JSON.stringify(value));
  }

  /** Returns one line of JSON that is harmless where it goes. */
  jsonLine(value: unknown): string {
    const json = JSON.stringify(value);
    return `${this.isTerminal ? visibleJson(json) : json}\n`;
  }
}
