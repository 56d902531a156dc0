/** What the client throws: the server's refusal, or that the server could not be reached. */
import type { ErrorCode } from "../wire/outcome.ts";

/** Codes that the client itself finds, beside those of the server. */
export type ClientErrorCode = ErrorCode | "unreachable" | "unexpected_answer" | "closed";

export interface ErrorDetails {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Milliseconds after which the server asks to be tried again. */
  readonly retryAfterMs?: number | undefined;
  /** Entry number in its batch, byte offset or limit, as the server says (contract 2). */
  readonly index?: number | undefined;
  readonly offset?: number | undefined;
  readonly limit?: number | undefined;
  readonly field?: string | undefined;
  readonly cause?: unknown;
}

/** A request that was not done; `code` is stable, `message` is for people. */
export class TailraceError extends Error {
  override readonly name = "TailraceError";
  /** A `ClientErrorCode`, or one that a newer server knows. */
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: ClientErrorCode | (string & {}), message: string, details: ErrorDetails = { status: 0 }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  /** True when the same request may succeed a little later: nothing of it was stored. */
  get isTransient(): boolean {
    return transientCodes.has(this.code);
  }
}

const transientCodes: ReadonlySet<string> = new Set([
  "unreachable",
  "overloaded",
  "shutting_down",
  "storage_unavailable",
  "disk_low",
  "duplicate_in_flight",
]);

/** Returns whether `error` is a `TailraceError` with this code. */
export function isCode(error: unknown, code: ClientErrorCode): boolean {
  return error instanceof TailraceError && error.code === code;
}

/** Makes the error of a server that gave no answer at `url`. */
export function unreachable(url: string, cause: unknown): TailraceError {
  return new TailraceError("unreachable", `cannot reach ${url}: ${reasonOf(cause)}`, { status: 0, cause });
}

/** Makes the error that an answer with `status` and `body` spells; a body that is no error object is shown in short. */
export function errorOfAnswer(status: number, body: string, retryAfter: string | null): TailraceError {
  const error = tryErrorObject(body);
  if (error === undefined) {
    const shown = body.slice(0, 200).trim();
    return new TailraceError("unexpected_answer", `the server answered ${status}${shown === "" ? "" : `: ${shown}`}`, { status });
  }
  const number = (name: string) => (typeof error[name] === "number" ? error[name] : undefined);
  return new TailraceError(String(error["code"]), String(error["message"]), {
    status,
    retryAfterMs: retryAfterMsOf(retryAfter),
    index: number("index"),
    offset: number("offset"),
    limit: number("limit"),
    field: typeof error["field"] === "string" ? error["field"] : undefined,
  });
}

function tryErrorObject(body: string): Record<string, unknown> | undefined {
  try {
    const error = (JSON.parse(body) as { error?: Record<string, unknown> } | null)?.error;
    return typeof error === "object" && typeof error?.["code"] === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}

function retryAfterMsOf(header: string | null): number | undefined {
  const seconds = header === null ? Number.NaN : Number(header);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** `fetch` hides the reason one or two causes deep; a name not found or a refused connection has a `code`. */
function reasonOf(cause: unknown): string {
  let at: unknown = cause;
  for (let depth = 0; depth < 4 && at instanceof Error; depth++) {
    const code = (at as Error & { code?: unknown }).code;
    if (code === "ECONNREFUSED") return "connection refused";
    if (code === "ENOTFOUND") return "host not found";
    if (typeof code === "string" && at.message !== "") return at.message;
    if (at.cause === undefined) return at.message;
    at = at.cause;
  }
  return String(cause);
}
