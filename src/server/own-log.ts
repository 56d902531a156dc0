/**
 * The server's own log as a session: lines of pino are NDJSON already, so they go in like any client's. Lines logged before
 * the session exists wait here and keep their own time stamps.
 */
import { limits } from "../config.ts";
import type { Engine } from "./engine.ts";
import type { Session } from "./session.ts";

/** Takes NDJSON; false: try again with later lines. */
export type LineTarget = (lines: string) => Promise<boolean>;

export class OwnLog {
  #lines: string[] = [];
  #droppedCount = 0;
  #target: LineTarget | undefined;
  #isFlushing = false;
  #isPlanned = false;

  /** Takes a line; the oldest go when too many wait. */
  readonly sink = (line: string): void => {
    if (this.#lines.length >= limits.ownLogLineCountMax) {
      this.#lines.shift();
      this.#droppedCount++;
    }
    this.#lines.push(line);
    this.#plan();
  };

  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** From here on lines go to `target`, those that waited first. */
  attach(target: LineTarget): void {
    this.#target = target;
    this.#plan();
  }

  /** Resolves when no line waits, or when the target takes none. */
  async flush(): Promise<void> {
    if (this.#target === undefined || this.#isFlushing) return;
    this.#isFlushing = true;
    while (this.#lines.length > 0) {
      const lines = this.#lines;
      this.#lines = [];
      if (await this.#target(lines.join(""))) continue;
      // Not logged: the line would come back here. The next line tries again.
      this.#lines = [...lines, ...this.#lines].slice(-limits.ownLogLineCountMax);
      break;
    }
    this.#isFlushing = false;
  }

  #plan(): void {
    if (this.#isPlanned || this.#target === undefined) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      void this.flush();
    });
  }
}

/** Lines go into a session of this server. */
export function sessionTarget(engine: Engine, session: Session): LineTarget {
  return async (lines) => session.isActive && (await engine.appendLines(session, lines)) === undefined;
}

/**
 * Lines go to another server, into a session that is made there with the first ones. A server that can't be reached costs
 * lines, never our own work.
 */
export function forwardTarget(url: string, sessionId: string, parentSession: string | undefined): LineTarget {
  const query = new URLSearchParams({
    create: "true",
    appname: "tailrace",
    mode: "server",
    platform: process.platform,
    pid: String(process.pid),
  });
  if (parentSession !== undefined) query.set("parent_session_id", parentSession);
  const target = `${url.replace(/\/$/, "")}/sessions/${sessionId}/log?${query}`;
  return async (lines) => {
    try {
      const headers = { "Content-Type": "application/x-ndjson" };
      const answer = await fetch(target, {
        method: "POST",
        headers,
        body: lines,
        signal: AbortSignal.timeout(limits.forwardMsMax),
      });
      return answer.ok;
    } catch {
      return false;
    }
  };
}
