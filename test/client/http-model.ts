/** A model of the server's HTTP side as a `fetch`: sessions as arrays, appends by key, and faults that a test orders. */
import { ByteBuffer } from "flatbuffers";
import type { FetchLike } from "#src/client/http.ts";
import { LogBatch } from "#src/record/generated/log-batch.ts";
import type { EntryObject, LogPage } from "#src/wire/api.ts";

/** What happens to the next request: done and answered, or one of these. */
export type Fault = "fine" | "unreachable" | "answer lost" | "overloaded" | "stopping" | "restart";

interface ModelSession {
  status: "active" | "ended";
  end_reason: string | null;
  readonly entries: EntryObject[];
}

export class HttpModel {
  readonly sessions = new Map<string, ModelSession>();
  readonly requests: string[] = [];
  /** Batches with more entries are too large. */
  batchCountMax = Number.POSITIVE_INFINITY;
  faults: Fault[] = [];
  isUp = true;
  readonly #keys = new Map<string, object>();

  readonly fetch: FetchLike = async (url, init) => {
    init.signal?.throwIfAborted();
    const fault = this.faults.shift() ?? "fine";
    const { pathname, searchParams } = new URL(url);
    this.requests.push(`${init.method} ${pathname}`);
    if (fault === "unreachable" || !this.isUp) throw refusedConnection();
    if (fault === "overloaded") return refusal(429, "overloaded", { "retry-after": "1" });
    if (fault === "stopping") return refusal(503, "shutting_down");
    if (fault === "restart") this.#restart();
    const answer = this.#answer(init, pathname, searchParams);
    if (fault === "answer lost") throw refusedConnection();
    return answer;
  };

  session(id: string): ModelSession {
    let session = this.sessions.get(id);
    if (session === undefined) {
      session = { status: "active", end_reason: null, entries: [] };
      this.sessions.set(id, session);
    }
    return session;
  }

  add(id: string, message: string): void {
    const { entries } = this.session(id);
    entries.push({ seq: entries.length + 1, timestamp: "2026-11-20T10:00:00.000Z", message });
  }

  end(id: string, reason: string): void {
    const session = this.session(id);
    this.add(id, `Session ended: ${reason}`);
    session.status = "ended";
    session.end_reason = reason;
  }

  /** Ends what was active, as the server does when it starts again. */
  #restart(): void {
    for (const [id, session] of this.sessions) if (session.status === "active") this.end(id, "server restart");
  }

  #answer(init: RequestInit, path: string, query: URLSearchParams): Response {
    const [, , id = "", log] = path.split("/");
    if (path === "/readyz") return Response.json({ status: "ok" });
    if (log === "log" && init.method === "POST") return this.#append(id, init);
    if (!this.sessions.has(id) && init.method === "GET") return refusal(404, "session_not_found");
    const session = this.session(id);
    if (log === "log") return Response.json(this.#page(id, session, query));
    if (init.method === "POST" && session.status === "ended") {
      session.status = "active";
      session.end_reason = null;
      this.add(id, "Session resumed");
    }
    if (init.method === "DELETE" && session.status === "active") this.end(id, "client request");
    return Response.json({ id, status: session.status, end_reason: session.end_reason, head: session.entries.length, first: 1 });
  }

  #page(id: string, { entries }: ModelSession, query: URLSearchParams): LogPage {
    const cursor = Number(query.get("cursor") ?? 0);
    const found = entries.slice(cursor, cursor + Number(query.get("limit") ?? 1000));
    const end = cursor + found.length;
    return { session: id, cursor: end, head: entries.length, first: 1, more: end < entries.length, entries: found };
  }

  #append(id: string, init: RequestInit): Response {
    const headers = init.headers as Record<string, string>;
    const key = `${id} ${headers["idempotency-key"]}`;
    const known = this.#keys.get(key);
    if (known !== undefined) return Response.json({ ...known, duplicate: true });
    const session = this.session(id);
    if (session.status === "ended") return refusal(409, "session_ended");
    const bytes = (init.body as Uint8Array).slice();
    const isBinary = headers["content-type"] === "application/x-flatbuffers";
    const messages = isBinary ? messagesOfBatch(bytes) : messagesOfLines(bytes);
    if (!Array.isArray(messages)) return messages;
    if (messages.length > this.batchCountMax) return refusal(413, "payload_too_large");
    const first = session.entries.length + 1;
    for (const message of messages) this.add(id, message);
    const answer = { first, cursor: session.entries.length, count: messages.length, ack: "written" };
    this.#keys.set(key, answer);
    return Response.json(answer);
  }
}

function messagesOfBatch(bytes: Uint8Array): string[] {
  const batch = LogBatch.getRootAsLogBatch(new ByteBuffer(bytes));
  const text = batch.textArray() ?? new Uint8Array(0);
  return Array.from({ length: batch.count() }, (_, index) =>
    new TextDecoder().decode(text.subarray(batch.textEnds(index) ?? 0, batch.textEnds(index + 1) ?? 0)),
  );
}

function messagesOfLines(bytes: Uint8Array): string[] | Response {
  const messages: string[] = [];
  let offset = 0;
  for (const line of new TextDecoder().decode(bytes).split("\n").slice(0, -1)) {
    try {
      const { message } = JSON.parse(line) as { message?: unknown };
      if (typeof message !== "string") return refusal(400, "invalid_entry", {}, { index: messages.length, field: "message" });
      messages.push(message);
    } catch {
      return refusal(400, "invalid_json", {}, { offset });
    }
    offset += Buffer.byteLength(line) + 1;
  }
  return messages;
}

function refusal(status: number, code: string, headers: Record<string, string> = {}, details: object = {}): Response {
  return Response.json({ error: { code, message: `it is ${code}`, ...details } }, { status, headers });
}

function refusedConnection(): Error {
  const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  return new TypeError("fetch failed", { cause });
}
