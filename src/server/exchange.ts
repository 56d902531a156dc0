/** One HTTP request and its answer on top of uWebSockets.js, with the library's traps kept in here. */
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { must } from "../base/assert.ts";
import { tryTextOf } from "../base/bytes.ts";
import { errorStatus, type Refusal, refusalBody, refuse } from "../wire/outcome.ts";

/** An answer as routes return it. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** Called when nobody looks at `body` any more, whether it was sent or not. */
  readonly written?: () => void;
}

const statusTexts: Readonly<Record<number, string>> = {
  200: "200 OK",
  201: "201 Created",
  204: "204 No Content",
  302: "302 Found",
  304: "304 Not Modified",
  400: "400 Bad Request",
  401: "401 Unauthorized",
  403: "403 Forbidden",
  404: "404 Not Found",
  405: "405 Method Not Allowed",
  409: "409 Conflict",
  411: "411 Length Required",
  413: "413 Payload Too Large",
  415: "415 Unsupported Media Type",
  422: "422 Unprocessable Content",
  429: "429 Too Many Requests",
  500: "500 Internal Server Error",
  503: "503 Service Unavailable",
  507: "507 Insufficient Storage",
};

/** Returns the status line's text; every status we send is in the table. */
export function statusText(status: number): string {
  return must(statusTexts[status], "a status has its text");
}

/** An answer whose body is `value` as JSON. */
export function jsonAnswer(value: unknown, status = 200): Answer {
  return { status, body: JSON.stringify(value) };
}

/** The answer of a refusal, with the headers that its code asks for. */
export function refusalAnswer(refusal: Refusal): Answer {
  const headers: Record<string, string> = {};
  if (refusal.details?.retryAfterSeconds !== undefined) headers["Retry-After"] = String(refusal.details.retryAfterSeconds);
  if (refusal.details?.allow !== undefined) headers["Allow"] = refusal.details.allow;
  return { status: errorStatus[refusal.code], headers, body: refusalBody(refusal) };
}

/** `gzip` in Accept-Encoding, unless it is refused there. */
const gzipTaken = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/;

/** What a route may ask of a request; read from uWS before its handler returns, because `req` is dead then. */
export class Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string;
  /** The client reads gzip; asked of GET only. */
  readonly takesGzip: boolean;
  readonly lastEventId: string;
  readonly parameters: readonly string[];
  /** The peer is on this machine. */
  readonly isLocal: boolean;
  readonly response: HttpResponse;
  #isOver = false;
  #onAborted: (() => void) | undefined;

  constructor(response: HttpResponse, request: HttpRequest, parameterCount: number) {
    this.response = response;
    this.method = request.getMethod();
    this.path = request.getUrl();
    this.query = new URLSearchParams(request.getQuery() ?? "");
    this.accept = request.getHeader("accept");
    this.takesGzip = this.method === "get" && gzipTaken.test(request.getHeader("accept-encoding"));
    this.lastEventId = request.getHeader("last-event-id");
    this.parameters = Array.from({ length: parameterCount }, (_, index) => request.getParameter(index) ?? "");
    this.isLocal = isLoopback(response);
    response.onAborted(() => {
      this.#isOver = true;
      this.#onAborted?.();
    });
  }

  /** The peer is gone or has its answer. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Called once when the peer goes away before its answer. */
  onAborted(action: () => void): void {
    this.#onAborted = action;
  }

  answer(answer: Answer): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.response.cork(() => writeAnswer(this.response, answer, this.method === "head"));
    }
    answer.written?.();
  }

  /** Starts an answer without a known end (server-sent events) with these bytes. The peer's going is told by `onAborted`. */
  beginStream(contentType: string, first: string): void {
    this.response.cork(() => {
      this.response.writeStatus("200 OK");
      this.response.writeHeader("Content-Type", contentType);
      this.response.writeHeader("Cache-Control", "no-store");
      this.response.writeHeader("X-Accel-Buffering", "no");
      // The library keeps the head back until something follows it.
      this.response.write(first);
    });
  }

  endStream(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.response.cork(() => this.response.end());
  }

  /** Collects the body as text, at most `limitBytes` of it, or says why it can't be used. */
  body(limitBytes: number): Promise<string | Refusal> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    return new Promise((resolve) => {
      this.onAborted(() => resolve(cutOffRefusal));
      this.response.onData((chunk, isLast) => {
        sizeBytes += chunk.byteLength;
        // The chunk is uWS memory and gone when we return.
        if (sizeBytes <= limitBytes) chunks.push(Buffer.from(new Uint8Array(chunk)));
        if (!isLast) return;
        if (sizeBytes > limitBytes)
          resolve(refuse("payload_too_large", `The body is over ${limitBytes} bytes.`, { limit: limitBytes }));
        else resolve(tryTextOf(Buffer.concat(chunks)) ?? notUtf8Refusal);
      });
    });
  }
}

/** Nobody is there any more to be told. */
const cutOffRefusal = refuse("invalid_batch", "The body ended before its length.");
const notUtf8Refusal = refuse("invalid_utf8", "The body is not UTF-8.");

/** Writes a whole answer, or to HEAD its head; the caller holds the cork. */
export function writeAnswer(response: HttpResponse, answer: Answer, isHead = false): void {
  response.writeStatus(statusText(answer.status));
  const headers = answer.headers ?? {};
  if (headers["Content-Type"] === undefined) response.writeHeader("Content-Type", "application/json");
  for (const name of Object.keys(headers)) response.writeHeader(name, headers[name] ?? "");
  if (!isHead) return void response.end(answer.body as string);
  // Given the length, the library would wait for the body before it takes the next request.
  response.writeHeader("Content-Length", String(Buffer.byteLength(answer.body)));
  response.endWithoutBody();
}

/** Returns whether the peer's address is 127.0.0.0/8 or ::1, plain or mapped. */
export function isLoopback(response: HttpResponse): boolean {
  const bytes = new Uint8Array(response.getRemoteAddress());
  if (bytes.length === 4) return bytes[0] === 127;
  if (bytes.length !== 16) return false;
  const head = bytes.subarray(0, 10).every((byte) => byte === 0);
  if (head && bytes[10] === 0xff && bytes[11] === 0xff) return bytes[12] === 127;
  return head && bytes.subarray(10, 15).every((byte) => byte === 0) && bytes[15] === 1;
}
