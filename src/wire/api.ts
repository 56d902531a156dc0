/** Shapes of the JSON that crosses a socket (contract 3 to 6), shared by server, client and dashboard. */
import type { LevelName } from "../record/levels.ts";

/** A session as the outside sees it. Times: ISO 8601, milliseconds, UTC. */
export interface SessionObject {
  id: string;
  appname?: string;
  mode?: string;
  platform?: string;
  pid?: number;
  parent_session_id?: string;
  jobid?: string;
  metadata: Record<string, unknown>;
  status: "active" | "ended";
  created_at: string;
  updated_at: string;
  last_activity_at: string;
  ended_at: string | null;
  end_reason: string | null;
  head: number;
  /** Oldest entry still kept; head + 1 when none is. */
  first: number;
  /** Size of the session's segment files. */
  bytes: number;
  archived: boolean;
  archived_at?: string;
  original_bytes?: number;
  archived_bytes?: number;
  is_self: boolean;
}

/** Body of POST and PUT /sessions/{id}: every member optional. */
export interface SessionInput {
  appname?: string;
  mode?: string;
  platform?: string;
  pid?: number;
  parent_session_id?: string;
  jobid?: string;
  metadata?: Record<string, unknown>;
}

export interface SessionList {
  sessions: SessionObject[];
  total: number;
  self_id: string;
}

/** An entry as it is read. `timestamp` has 3, 6 or 9 decimals. */
export interface EntryObject {
  seq: number;
  timestamp: string;
  level?: LevelName;
  logger?: string;
  message: string;
  format?: string;
  fields?: Record<string, unknown>;
}

/** An entry as it is sent; other members become fields. */
export interface EntryInput {
  timestamp?: string | number;
  level?: string | number;
  logger?: string;
  message?: string;
  format?: string;
  fields?: Record<string, unknown>;
  [member: string]: unknown;
}

export interface Gap {
  from: number;
  to: number;
  /** `slow`: policy latest; `expired`: retention removed them; `damaged`: the file could not be read. */
  reason?: "slow" | "expired" | "damaged";
}

export interface LogPage {
  session: string;
  /** Seq of the last entry scanned: the next request's cursor. */
  cursor: number;
  head: number;
  first: number;
  more: boolean;
  gap?: Gap;
  entries: EntryObject[];
}

export interface AppendAnswer {
  /** Absent for an empty batch. */
  first?: number;
  cursor: number;
  count: number;
  ack: "written" | "synced";
  duplicate?: true;
}

export interface TemplateSummary {
  template: string;
  count: number;
  levels: Partial<Record<LevelName, number>>;
  first: number;
  last: number;
}

export interface ReaderObject {
  name: string;
  cursor: number;
  head: number;
  lag: number;
  state: "ready" | "leased" | "stalled";
  attempts: number;
  /** Null: nothing is handed out. */
  lease_until: string | null;
}

/** What narrows a subscription or a read. */
export interface FilterInput {
  level?: string;
  logger?: string;
  q?: string;
  template?: string;
  since?: string;
  until?: string;
}

/** Subprotocols of /sessions/ws. */
export const protocolJson = "tailrace.json.v1";
export const protocolFlatbuffers = "tailrace.flatbuffers.v1";

export type ClientMessage =
  | ({
      type: "subscribe";
      id: number;
      session: string;
      cursor?: number;
      tail?: number;
      policy?: "lossless" | "latest";
    } & FilterInput)
  | { type: "unsubscribe"; id: number }
  | { type: "sessions"; id: number; status?: "active" | "ended" | "all" }
  | { type: "append"; ref: number; session: string; entries: EntryInput[]; key?: string; ack?: "written" | "synced" }
  | { type: "heartbeat"; session: string };

export type ServerMessage =
  | { type: "hello"; protocol: 1; self_id: string; credits: number }
  | { type: "subscribed"; id: number; session: string; cursor: number; head: number; first: number }
  | { type: "log"; id: number; cursor: number; head: number; entries: EntryObject[] }
  | ({ type: "gap"; id: number } & Gap)
  | { type: "ended"; id: number; cursor: number; reason: string }
  | { type: "sessions"; id: number; sessions: SessionObject[]; self_id: string }
  | { type: "session"; id: number; session: SessionObject }
  | { type: "session_removed"; id: number; session: string }
  | ({ type: "ack"; ref: number } & AppendAnswer)
  | { type: "error"; ref?: number; id?: number; code: string; message: string }
  | { type: "heartbeat"; id: number; head: number };
