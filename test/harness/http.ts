/** HTTP as tests speak it: one call, one answer, over connections that die with their server. */
import { Agent, type IncomingHttpHeaders, request as requestOf } from "node:http";

/** An answer, read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON of the shape that the caller expects; throws when it is no JSON. */
  json<Shape>(): Shape;
  /** The error of a refusal. */
  readonly error: ErrorObject;
}

/** What a refusal says. */
export interface ErrorObject {
  readonly code: string;
  readonly message: string;
  readonly offset?: number;
  readonly index?: number;
  readonly field?: string;
  readonly limit?: number;
}

/** What a call may say beside method and path. */
export interface CallOptions {
  /** An object is sent as JSON. */
  readonly body?: string | Uint8Array | object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

/** The server closes connections that were idle for 10 s: a request must not be on its way just then. */
const idleMsMax = 8000;

/** Makes an agent that keeps connections; destroy it when its server goes. */
export function keepAliveAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 512, timeout: idleMsMax });
}

function bytesOf(body: NonNullable<CallOptions["body"]>): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

function typeOf(body: CallOptions["body"]): Record<string, string> {
  return body === undefined || body instanceof Uint8Array ? {} : { "content-type": "application/json" };
}

/** Sends a request and reads the answer. Rejects when the connection breaks before its end. */
export function call(url: string, method: string, path: string, options: CallOptions = {}): Promise<HttpAnswer> {
  const { hostname, port } = new URL(url);
  const body = options.body === undefined ? undefined : bytesOf(options.body);
  const length = body === undefined ? {} : { "content-length": String(body.length) };
  const headers = { ...typeOf(options.body), ...length, ...options.headers };
  return new Promise((resolve, reject) => {
    const request = requestOf(
      { hostname, port, method, path, headers, agent: options.agent, ...(options.signal ? { signal: options.signal } : {}) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

function answerOf(status: number, headers: IncomingHttpHeaders, bytes: Buffer): HttpAnswer {
  return {
    status,
    headers,
    bytes,
    get text() {
      return bytes.toString("utf8");
    },
    json<Shape>() {
      return JSON.parse(bytes.toString("utf8")) as Shape;
    },
    get error() {
      return (JSON.parse(bytes.toString("utf8")) as { error: ErrorObject }).error;
    },
  };
}
