/** The table of errors: every answer that is not a success, as a value. Nothing here is thrown per entry. */

/** Status per code; contract section 2. */
export const errorStatus = {
  invalid_session_id: 400,
  invalid_query: 400,
  invalid_json: 400,
  invalid_entry: 400,
  invalid_batch: 400,
  invalid_encoding: 400,
  invalid_utf8: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  session_not_found: 404,
  method_not_allowed: 405,
  session_ended: 409,
  duplicate_in_flight: 409,
  not_archived: 409,
  session_active: 409,
  leased: 409,
  stalled: 409,
  not_leased: 409,
  length_required: 411,
  payload_too_large: 413,
  unsupported_media_type: 415,
  idempotency_mismatch: 422,
  overloaded: 429,
  storage_unavailable: 503,
  shutting_down: 503,
  disk_low: 507,
} as const;

export type ErrorCode = keyof typeof errorStatus;

/** More members of the error object, shown beside code and message. */
export interface RefusalDetails {
  /** Byte offset in the (decompressed) body, for `invalid_json` and `invalid_utf8`. */
  offset?: number;
  /** Entry number in its batch from 0, and the member at fault, for `invalid_entry`. */
  index?: number;
  field?: string;
  /** The limit that was passed, in its unit. */
  limit?: number;
  allow?: string;
  retryAfterSeconds?: number;
}

/** Why a request was not done: what, where, what to do. Clonable, so it crosses threads. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: RefusalDetails;
}

/** Makes a refusal. */
export function refuse(code: ErrorCode, message: string, details?: RefusalDetails): Refusal {
  return details === undefined ? { code, message } : { code, message, details };
}

/** Returns what a client is shown of a refusal. */
export function refusalMembers(refusal: Refusal): Pick<Refusal, "code" | "message"> & RefusalDetails {
  const { retryAfterSeconds: _header, allow: _allow, ...shown } = refusal.details ?? {};
  return { code: refusal.code, message: refusal.message, ...shown };
}

/** Returns the JSON body of a refusal. */
export function refusalBody(refusal: Refusal): string {
  return JSON.stringify({ error: refusalMembers(refusal) });
}
