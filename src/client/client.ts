/** The HTTP client: one method per call of the API (contract 3 to 7). Live updates: live.ts. */
import { waitingClock } from "../base/clock.ts";
import { newSessionId, type SessionId } from "../base/ids.ts";
import type {
  AppendAnswer,
  EntryInput,
  EntryObject,
  FilterInput,
  LogPage,
  ReaderObject,
  SessionInput,
  SessionList,
  SessionObject,
  TemplateSummary,
} from "../wire/api.ts";
import { type HttpOptions, HttpTransport, queryOf } from "./http.ts";

export interface SessionQuery {
  status?: "active" | "ended" | "all";
  prefix?: string;
  app?: string;
  mode?: string;
  platform?: string;
  jobid?: string;
  parent?: string;
  q?: string;
  sort?: "created" | "updated" | "ended" | "app" | "mode" | "platform" | "head" | "bytes";
  order?: "asc" | "desc";
  offset?: number;
  limit?: number;
}

export interface ReadQuery extends FilterInput {
  cursor?: number;
  before?: number;
  tail?: number;
  offset?: number;
  limit?: number;
  /** Milliseconds to hold the answer until something newer than `cursor` exists. */
  wait?: number;
}

export type ExportFormat = "ndjson" | "text" | "csv";

export interface AppendOptions {
  /** `<producer>:<sequence>`; left out, the client numbers its own, so that a repeat is stored once. */
  readonly key?: string;
  readonly ack?: "written" | "synced";
  /** Make an unknown session, with this name of its program. */
  readonly create?: { readonly appname?: string };
  readonly contentEncoding?: "gzip" | "lz4";
  readonly signal?: AbortSignal;
  readonly retry?: boolean;
}

export interface Claim {
  from: number;
  to: number;
  /** Null, and `attempt` 0: there is nothing to hand out. */
  lease_until: string | null;
  attempt: number;
  entries: EntryObject[];
}

export interface PruneSummary {
  expired_by_age: number;
  expired_by_count: number;
  expired_by_bytes: number;
  bytes: number;
  sessions: unknown[];
}

/** Content types of `append` (contract 4). */
export const contentTypes = {
  json: "application/json",
  ndjson: "application/x-ndjson",
  text: "text/plain; charset=utf-8",
  flatbuffers: "application/x-flatbuffers",
} as const;

/** `retry: false` throws at the first answer that says "later". */
type Signalled = { readonly signal?: AbortSignal | undefined; readonly retry?: boolean };

/** Returns a name for idempotency keys that no other producer has. */
export function newProducerName(): string {
  return newClientSessionId();
}

/** Returns a new session id from this machine's clock and randomness. */
export function newClientSessionId(): SessionId {
  return newSessionId(waitingClock.nowMs(), (target) => globalThis.crypto.getRandomValues(target));
}

export class TailraceClient {
  readonly http: HttpTransport;
  readonly #producer = newProducerName();
  #sequence = 0;

  constructor(options: HttpOptions) {
    this.http = new HttpTransport(options);
  }

  /** Returns the sessions that match, and the server's own id. */
  listSessions(query: SessionQuery = {}, options: Signalled = {}): Promise<SessionList> {
    return this.http.sendForJson({ path: `/sessions/${queryOf(query)}`, ...options });
  }

  getSession(id: string, options: Signalled = {}): Promise<SessionObject> {
    return this.http.sendForJson({ path: `/sessions/${id}`, ...options });
  }

  /** Registers a session, updates it, or re-opens it when it was ended. */
  openSession(id: string, input: SessionInput = {}, options: Signalled = {}): Promise<SessionObject> {
    return this.#control("POST", `/sessions/${id}`, input, options);
  }

  /** Replaces the given members of a session that exists. */
  updateSession(id: string, input: SessionInput, options: Signalled = {}): Promise<SessionObject> {
    return this.#control("PUT", `/sessions/${id}`, input, options);
  }

  /** Ends a session; `purge` also removes the data of one that has ended. */
  endSession(id: string, options: Signalled & { readonly purge?: boolean } = {}): Promise<SessionObject> {
    const query = options.purge ? "?purge=true" : "";
    return this.http.sendForJson({ method: "DELETE", path: `/sessions/${id}${query}`, signal: options.signal, repeatable: true });
  }

  archiveSession(id: string, options: Signalled = {}): Promise<SessionObject> {
    return this.#control("POST", `/sessions/${id}/archive`, undefined, options);
  }

  restoreSession(id: string, options: Signalled = {}): Promise<SessionObject> {
    return this.#control("POST", `/sessions/${id}/restore`, undefined, options);
  }

  /** Tells the server that a session is alive. */
  heartbeat(id: string, options: Signalled = {}): Promise<{ last_activity_at: string }> {
    return this.#control("POST", `/sessions/${id}/heartbeat`, undefined, options);
  }

  /** Appends entries as JSON. */
  appendEntries(id: string, entries: readonly EntryInput[], options: AppendOptions = {}): Promise<AppendAnswer> {
    return this.append(id, contentTypes.json, JSON.stringify(entries), options);
  }

  /**
   * Appends one body as it is. Every append carries an idempotency key, so it is tried again when the server is busy or
   * away, and still stored once.
   */
  append(
    id: string,
    contentType: string,
    body: string | Uint8Array<ArrayBuffer>,
    options: AppendOptions = {},
  ): Promise<AppendAnswer> {
    const { key, ack, create, contentEncoding, ...rest } = options;
    const headers: Record<string, string> = {
      "content-type": contentType,
      "idempotency-key": key ?? `${this.#producer}:${++this.#sequence}`,
    };
    if (contentEncoding !== undefined) headers["content-encoding"] = contentEncoding;
    const query = queryOf({ ack, create: create === undefined ? undefined : true, appname: create?.appname });
    return this.http.sendForJson({
      method: "POST",
      path: `/sessions/${id}/log${query}`,
      headers,
      body,
      repeatable: true,
      ...rest,
    });
  }

  /** Returns one page of entries (contract 5). */
  readPage(id: string, query: ReadQuery = {}, options: Signalled = {}): Promise<LogPage> {
    return this.http.sendForJson({ path: `/sessions/${id}/log${queryOf(query)}`, ...options });
  }

  /** Reads on page by page, oldest first, until the head that the last page saw. */
  async *readPages(id: string, query: ReadQuery = {}, options: Signalled = {}): AsyncGenerator<LogPage, void> {
    let cursor = query.cursor ?? 0;
    for (;;) {
      const page = await this.readPage(id, { limit: 10_000, ...query, cursor }, options);
      yield page;
      if (!page.more || page.cursor <= cursor) return;
      cursor = page.cursor;
    }
  }

  /** Returns one page in a form for people or other programs; the cursor is in its headers. */
  readAs(id: string, format: ExportFormat | "flatbuffers", query: ReadQuery, options: Signalled = {}): Promise<Response> {
    return this.http.send({ path: `/sessions/${id}/log${queryOf({ ...query, format })}`, ...options });
  }

  async templates(id: string, options: Signalled = {}): Promise<{ templates: TemplateSummary[]; head: number }> {
    return this.http.sendForJson({ path: `/sessions/${id}/templates`, ...options });
  }

  async readers(id: string, options: Signalled = {}): Promise<ReaderObject[]> {
    const answer = await this.http.sendForJson<{ readers: ReaderObject[] }>({ path: `/sessions/${id}/readers`, ...options });
    return answer.readers;
  }

  reader(id: string, name: string, options: Signalled = {}): Promise<ReaderObject> {
    return this.http.sendForJson({ path: `/sessions/${id}/readers/${name}`, ...options });
  }

  /** Makes a durable reader, or moves it to `cursor`. */
  putReader(id: string, name: string, input: { cursor?: number } = {}, options: Signalled = {}): Promise<ReaderObject> {
    return this.#control("PUT", `/sessions/${id}/readers/${name}`, input, options);
  }

  async deleteReader(id: string, name: string, options: Signalled = {}): Promise<void> {
    await this.http.send({ method: "DELETE", path: `/sessions/${id}/readers/${name}`, repeatable: true, ...options });
  }

  /** Leases the next entries of a reader: never repeated, since a lost answer has taken its lease. */
  claim(
    id: string,
    name: string,
    query: { limit?: number; lease?: number; wait?: number } = {},
    options: Signalled = {},
  ): Promise<Claim> {
    return this.http.sendForJson({ method: "POST", path: `/sessions/${id}/readers/${name}/claim${queryOf(query)}`, ...options });
  }

  /** @param input `lease_until` of the claim makes sure that it is that very lease which is confirmed. */
  confirm(
    id: string,
    name: string,
    input: { cursor: number; lease_until?: string },
    options: Signalled = {},
  ): Promise<ReaderObject> {
    return this.#control("POST", `/sessions/${id}/readers/${name}/confirm`, input, options);
  }

  resume(id: string, name: string, input: { cursor?: number } = {}, options: Signalled = {}): Promise<ReaderObject> {
    return this.#control("POST", `/sessions/${id}/readers/${name}/resume`, input, options);
  }

  prune(query: { dry_run?: boolean } = {}, options: Signalled = {}): Promise<PruneSummary> {
    return this.#control("POST", `/prune${queryOf(query)}`, undefined, options);
  }

  stats(options: Signalled = {}): Promise<Record<string, unknown>> {
    return this.http.sendForJson({ path: "/stats/sessions", ...options });
  }

  /** Returns whether the server is ready; false while it starts, drains or cannot be reached. */
  async isReady(options: Signalled = {}): Promise<boolean> {
    try {
      await this.http.send({ path: "/readyz", retry: false, ...options });
      return true;
    } catch (error) {
      if (options.signal?.aborted) throw error;
      return false;
    }
  }

  /** Control calls state what is to be, so sending one twice does no harm. */
  #control<T>(method: string, path: string, body: object | undefined, options: Signalled): Promise<T> {
    const request = { method, path, repeatable: true, ...options };
    if (body === undefined) return this.http.sendForJson(request);
    return this.http.sendForJson({ ...request, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  }
}
