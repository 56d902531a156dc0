/** Reads HTTP answers with a Content-Length from a socket: as much of the protocol as servers of the bench speak. */

export interface HttpAnswer {
  readonly status: number;
  /** Status line and headers; valid as long as it is held. */
  readonly head: string;
  readonly bodySizeBytes: number;
}

const headEnd = Buffer.from("\r\n\r\n");

/** Splits what arrives into answers; bodies are counted, and kept when asked for. */
export class ResponseReader {
  readonly #onAnswer: (answer: HttpAnswer, body: Buffer | undefined) => void;
  readonly #keepsBodies: boolean;
  #rest: Buffer | undefined;
  #missingBytes = 0;
  #answer: HttpAnswer | undefined;
  #body: Buffer[] = [];

  constructor(onAnswer: (answer: HttpAnswer, body: Buffer | undefined) => void, keepsBodies = false) {
    this.#onAnswer = onAnswer;
    this.#keepsBodies = keepsBodies;
  }

  /** Takes what a socket received. */
  add(chunk: Buffer): void {
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    while (bytes.length > 0) {
      if (this.#answer === undefined) {
        const end = bytes.indexOf(headEnd);
        if (end < 0) {
          this.#rest = bytes;
          return;
        }
        this.#begin(bytes.toString("latin1", 0, end));
        bytes = bytes.subarray(end + headEnd.length);
      }
      const taken = Math.min(this.#missingBytes, bytes.length);
      if (this.#keepsBodies && taken > 0) this.#body.push(bytes.subarray(0, taken));
      this.#missingBytes -= taken;
      bytes = bytes.subarray(taken);
      if (this.#missingBytes === 0) this.#finish();
    }
  }

  #begin(head: string): void {
    const status = Number(head.slice(9, 12));
    const bodySizeBytes = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.#answer = { status, head, bodySizeBytes };
    this.#missingBytes = bodySizeBytes;
  }

  #finish(): void {
    const answer = this.#answer as HttpAnswer;
    const body = this.#keepsBodies ? Buffer.concat(this.#body) : undefined;
    this.#answer = undefined;
    this.#body = [];
    this.#onAnswer(answer, body);
  }
}
