/** `--forward`: the server's own log goes to another server, as any client's does. What that one can't take waits here. */
import { limits } from "../config.ts";
import type { LineTarget } from "./own-log.ts";

/** Answers that trying again will not change: these lines are given up. */
const finalStatuses: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** A session of ours on another server. */
export interface ForwardSession {
  readonly url: string;
  readonly sessionId: string;
  readonly parentSession: string | undefined;
}

/** Returns a target that makes the session with its first lines, and opens it again when the other server ended it. */
export function forwardTarget({ url, sessionId, parentSession }: ForwardSession): LineTarget {
  const base = `${url.replace(/\/+$/, "")}/sessions/${sessionId}`;
  const about = {
    appname: "tailrace",
    mode: "server",
    platform: process.platform,
    pid: process.pid,
    ...(parentSession === undefined ? {} : { parent_session_id: parentSession }),
  };
  const query = new URLSearchParams({ create: "true" });
  for (const [name, value] of Object.entries(about)) query.set(name, String(value));
  let sequence = 1;
  const append = (lines: string) => {
    const headers = { "Content-Type": "application/x-ndjson", "Idempotency-Key": `own-log:${sequence}` };
    return tryFetch(`${base}/log?${query}`, "POST", headers, lines);
  };
  return {
    async take(lines) {
      let status = await append(lines);
      if (status === 409 && (await tryFetch(base, "POST", { "Content-Type": "application/json" }, JSON.stringify(about))) === 200)
        status = await append(lines);
      const isOver = status === 200 || finalStatuses.has(status);
      if (isOver) sequence++;
      return isOver;
    },
    async end(reason) {
      await tryFetch(`${base}?${new URLSearchParams({ reason })}`, "DELETE", {}, undefined);
    },
  };
}

/** Returns the status of the answer; 0 when none came. */
async function tryFetch(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: string | undefined,
): Promise<number> {
  try {
    const signal = AbortSignal.timeout(limits.forwardMsMax);
    const answer = await fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    // A server that can't be reached costs lines, never our own work; not logged: the line would come back here.
    return 0;
  }
}
