/** session.json: what is known of a session but its entries. Written whole, then renamed, so that it is never half. */
import { textOf, utf8 } from "../base/bytes.ts";
import { type SessionId, tryParseSessionId } from "../base/ids.ts";
import { failureOf } from "./failure.ts";
import { ensureDirectory, replaceFile, tryReadFile } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";
import { sessionDirectory, sessionFileName, sessionsDirectory } from "./paths.ts";
import type { SessionRecord, StorageFailure } from "./types.ts";

/** Makes the data directory and its `sessions/` durably, unless they are there. */
export function prepareDataDirectory(files: FileLayer, dataDir: string): void {
  let missing = dataDir;
  const parents: string[] = [];
  while (missing !== "" && missing !== "." && files.status(missing) === undefined) {
    parents.push(missing);
    missing = missing.slice(0, Math.max(0, missing.lastIndexOf("/")));
  }
  for (const directory of parents.reverse()) ensureDirectory(files, directory);
  ensureDirectory(files, sessionsDirectory(dataDir));
  files.syncDirectory(dataDir);
}

/** Writes session.json. `isSynced`: it survives power loss when this returns. */
export function writeSessionRecord(
  files: FileLayer,
  dataDir: string,
  record: SessionRecord,
  isSynced: boolean,
): StorageFailure | undefined {
  const directory = sessionDirectory(dataDir, record.id as SessionId);
  try {
    ensureDirectory(files, sessionsDirectory(dataDir));
    ensureDirectory(files, directory);
    replaceFile(files, directory, sessionFileName, utf8(`${JSON.stringify(record, undefined, 1)}\n`), isSynced);
    if (isSynced) files.syncDirectory(sessionsDirectory(dataDir));
    return undefined;
  } catch (error) {
    return failureOf(`session.json of ${record.id} was not written`, error);
  }
}

/** Reads session.json. `warning`: it is there and can not be used; the session is then known by its segments alone. */
export function readSessionRecord(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
): { record: SessionRecord | undefined; warning: string | undefined } {
  const path = `${sessionDirectory(dataDir, id)}/${sessionFileName}`;
  try {
    const bytes = tryReadFile(files, path);
    if (bytes === undefined) return { record: undefined, warning: undefined };
    const record = tryParseRecord(textOf(bytes), id);
    return { record, warning: record === undefined ? `${path} is damaged and is left aside` : undefined };
  } catch (error) {
    return { record: undefined, warning: failureOf(`${path} can not be read`, error).message };
  }
}

const optionalTexts = ["appname", "mode", "platform", "boot_id", "jobid", "end_reason"] as const;
const optionalTimes = ["archived_at", "restored_at", "ended_at"] as const;
const optionalNumbers = ["pid", "pid_start", "original_bytes", "archived_bytes"] as const;

function tryParseRecord(text: string, id: SessionId): SessionRecord | undefined {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || value["id"] !== id) return undefined;
  if (value["status"] !== "active" && value["status"] !== "ended") return undefined;
  for (const name of ["created_at", "updated_at", "last_activity_at"]) {
    if (typeof value[name] !== "string" || Number.isNaN(Date.parse(value[name]))) return undefined;
  }
  for (const name of optionalTexts) if ((value[name] ?? null) !== null && typeof value[name] !== "string") return undefined;
  for (const name of optionalTimes) {
    const time = value[name] ?? null;
    if (time !== null && (typeof time !== "string" || Number.isNaN(Date.parse(time)))) return undefined;
  }
  for (const name of optionalNumbers) if ((value[name] ?? null) !== null && typeof value[name] !== "number") return undefined;
  const parent = value["parent_session_id"];
  if (parent !== undefined && (typeof parent !== "string" || tryParseSessionId(parent) === undefined)) return undefined;
  const metadata = value["metadata"];
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) return undefined;
  return { ...value, ended_at: value["ended_at"] ?? null, end_reason: value["end_reason"] ?? null } as unknown as SessionRecord;
}
