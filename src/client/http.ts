/** One HTTP request to the server, with the retries that are safe. Runs in Node and in browsers. */
import { type Clock, waitingClock } from "../base/clock.ts";
import { type BackoffOptions, backoffDefaults, backoffMs, delay } from "./backoff.ts";
import { errorOfAnswer, TailraceError, unreachable } from "./errors.ts";

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpOptions {
  /** Base address, for example `http://127.0.0.1:7420`. */
  readonly url: string;
  readonly fetch?: FetchLike;
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
  /** How long a request is tried again before its error is thrown. */
  readonly retryForMs?: number;
  /** Token sent as `Authorization: Bearer`. */
  readonly token?: string;
}

export interface HttpRequest {
  readonly method?: string;
  /** Path with query, from `/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal | undefined;
  /** Whether it may be sent again although the first may have been done: reads, keyed appends. Default: reads. */
  readonly repeatable?: boolean;
  /** Whether a server that is busy or away is tried again. Default true. */
  readonly retry?: boolean;
}

/** Half a minute covers a restart of the server with recovery. */
const retryForMsDefault = 30_000;
/** A server that asks for a longer pause is taken at its word only up to this. */
const retryAfterMsMax = 30_000;

export class HttpTransport {
  /** Base address without a slash at its end. */
  readonly url: string;
  readonly #fetch: FetchLike;
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #retryForMs: number;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: HttpOptions) {
    this.url = options.url.replace(/\/+$/, "");
    this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#clock = options.clock ?? waitingClock;
    this.#backoff = options.backoff ?? backoffDefaults;
    this.#retryForMs = options.retryForMs ?? retryForMsDefault;
    this.#headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  }

  /** Sends `request` and returns its good answer (2xx); throws `TailraceError` otherwise. */
  async send(request: HttpRequest): Promise<Response> {
    const startMs = this.#clock.monotonicMs();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#sendOnce(request);
      } catch (error) {
        const waitMs = this.#retryDelayMs(request, error, attempt);
        if (waitMs === undefined || this.#clock.monotonicMs() - startMs + waitMs > this.#retryForMs) throw error;
        await delay(this.#clock, waitMs, request.signal);
      }
    }
  }

  /** Sends `request` and returns the JSON of its answer. */
  async sendForJson<T>(request: HttpRequest): Promise<T> {
    const response = await this.send(request);
    try {
      return (await response.json()) as T;
    } catch (cause) {
      throw request.signal?.aborted ? request.signal.reason : unreachable(this.url, cause);
    }
  }

  async #sendOnce(request: HttpRequest): Promise<Response> {
    const init: RequestInit = { method: request.method ?? "GET", headers: { ...this.#headers, ...request.headers } };
    if (request.body !== undefined) init.body = request.body;
    if (request.signal !== undefined) init.signal = request.signal;
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.url + request.path, init);
      if (response.ok) return response;
      text = await response.text();
    } catch (cause) {
      throw request.signal?.aborted ? request.signal.reason : unreachable(this.url, cause);
    }
    throw errorOfAnswer(response.status, text, response.headers.get("retry-after"));
  }

  /** Returns how long to wait before the next attempt, or undefined when there must be none. */
  #retryDelayMs(request: HttpRequest, error: unknown, attempt: number): number | undefined {
    if (request.retry === false || !(error instanceof TailraceError) || !error.isTransient) return undefined;
    const isRead = request.method === undefined || request.method === "GET";
    // Without an answer nobody knows whether it was done.
    if (error.code === "unreachable" && !(request.repeatable ?? isRead)) return undefined;
    const asked = Math.min(error.details.retryAfterMs ?? 0, retryAfterMsMax);
    return asked + backoffMs(attempt, this.#backoff);
  }
}

/** Returns `?name=value&…` of the members that are there, or "" when none is. */
export function queryOf(parameters: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
