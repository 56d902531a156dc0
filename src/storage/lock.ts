/**
 * The lock of a data directory: the file `lock` says which process holds it and how the last one let go. It is never
 * removed, only replaced: when its holder is dead or has let go, whoever makes `lock.after-<token of that holder>` first
 * is the next one.
 */
import { textOf, utf8 } from "../base/bytes.ts";
import { failureOf, StorageRefusal } from "./failure.ts";
import { replaceFile, tryReadFile, tryUnlink, withFile, writeWhole } from "./file-tools.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";
import type { Processes } from "./processes.ts";
import type { StorageFailure, Trust } from "./types.ts";

const lockName = "lock";
/** Successors of successors that died while they took over: more are no accident. */
const attemptCountMax = 16;

/** Content of the lock file. */
interface LockRecord {
  readonly pid: number;
  readonly start: number;
  readonly boot_id: string;
  /** Of this holding, random. */
  readonly token: string;
  /** Files last written before this time (ms) were synced by a clean stop. */
  readonly synced_before_ms: number;
  /** Set when the holder stopped cleanly: everything is synced. */
  readonly released_ms?: number;
}

/** Who asks for the lock. */
export interface LockClaim {
  readonly pid: number;
  readonly token: string;
  readonly nowMs: number;
}

/** A data directory that is ours. */
export interface DataDirectoryLock {
  readonly trust: Trust;
  /** True: the holder before stopped without letting go. */
  readonly wasCrash: boolean;
  /** Lets go after everything was synced; the next start then trusts the files. */
  release(nowMs: number): StorageFailure | undefined;
}

/** Takes the lock of `dataDir`, which exists, or says who holds it. */
export function acquireLock(
  files: FileLayer,
  dataDir: string,
  processes: Processes,
  claim: LockClaim,
): DataDirectoryLock | StorageFailure {
  try {
    return tryAcquire(files, dataDir, processes, claim);
  } catch (error) {
    return failureOf(`the data directory ${dataDir} can not be locked`, error);
  }
}

function tryAcquire(
  files: FileLayer,
  dataDir: string,
  processes: Processes,
  claim: LockClaim,
): DataDirectoryLock | StorageFailure {
  const lock = `${dataDir}/${lockName}`;
  const bootId = processes.bootId();
  for (let attempt = 0; attempt < attemptCountMax; attempt++) {
    const before = readLock(files, lock);
    const trust = trustAfter(before, bootId, claim.nowMs);
    const mine = recordOf(processes, claim, trust);
    if (before === undefined) {
      if (tryMake(files, lock, claim.token, mine)) return held(files, dataDir, mine, trust, false);
      continue;
    }
    if (isHeld(before, processes)) return heldBy(dataDir, before.pid);
    const chain = trySucceed(files, lock, before, processes, claim.token, mine);
    if (chain === undefined) continue;
    if (typeof chain === "number") return heldBy(dataDir, chain);
    return held(files, dataDir, mine, trust, before.released_ms === undefined);
  }
  const message = `the data directory ${dataDir} can not be locked: other starts keep getting between; try again`;
  return { kind: "failure", code: "EBUSY", message };
}

/**
 * Makes the file that succeeds `before`, and puts it in the place of the lock.
 * @returns the pid of a live process that was first; undefined when things have changed: look again.
 */
function trySucceed(
  files: FileLayer,
  lock: string,
  before: LockRecord,
  processes: Processes,
  token: string,
  mine: LockRecord,
): true | number | undefined {
  const passed: string[] = [];
  let last = before;
  for (let depth = 0; depth < attemptCountMax; depth++) {
    const successor = `${lock}.after-${last.token}`;
    if (tryMake(files, successor, token, mine)) {
      // Between reading and making, a faster one may have put itself in place and removed its own successor file.
      if (readLock(files, lock)?.token !== before.token) {
        files.unlink(successor);
        return undefined;
      }
      files.rename(successor, lock);
      for (const path of passed) tryUnlink(files, path);
      return true;
    }
    const other = readLock(files, successor);
    if (other === undefined) return undefined;
    if (isHeld(other, processes)) return other.pid;
    passed.push(successor);
    last = other;
  }
  return undefined;
}

/** Makes `path` with all its content at once; false when it is there. */
function tryMake(files: FileLayer, path: string, token: string, record: LockRecord): boolean {
  const temporary = `${path}.${token}.tmp`;
  tryUnlink(files, temporary);
  try {
    const bytes = utf8(JSON.stringify(record));
    withFile(files, temporary, "create", (descriptor) => {
      writeWhole(files, descriptor, bytes, 0, bytes.length, 0);
      files.syncData(descriptor);
    });
    files.link(temporary, path);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    tryUnlink(files, temporary);
  }
}

function held(files: FileLayer, dataDir: string, mine: LockRecord, trust: Trust, wasCrash: boolean): DataDirectoryLock {
  files.syncDirectory(dataDir);
  return {
    trust,
    wasCrash,
    release: (nowMs) => {
      try {
        const record: LockRecord = { ...mine, synced_before_ms: nowMs, released_ms: nowMs };
        replaceFile(files, dataDir, lockName, utf8(JSON.stringify(record)), true);
        return undefined;
      } catch (error) {
        return failureOf(`the lock of ${dataDir} was not let go`, error);
      }
    },
  };
}

function heldBy(dataDir: string, pid: number): StorageFailure {
  const message = `the data directory ${dataDir} is in use by process ${pid}; stop that server or choose another --data-dir`;
  return { kind: "failure", code: "EBUSY", message };
}

function recordOf(processes: Processes, claim: LockClaim, trust: Trust): LockRecord {
  const start = processes.startOf(claim.pid) ?? 0;
  // Without it the next server would take us for dead.
  if (start === "unknown") throw new StorageRefusal(`when process ${claim.pid} was started can not be read`);
  return {
    pid: claim.pid,
    start,
    boot_id: processes.bootId(),
    token: claim.token,
    synced_before_ms: trust.syncedBeforeMs,
  };
}

/** After a clean stop everything older is synced; after a crash only what was so before it. */
function trustAfter(before: LockRecord | undefined, bootId: string, nowMs: number): Trust {
  if (before === undefined || before.token === unreadableToken) return { sameBoot: false, syncedBeforeMs: 0 };
  const syncedBeforeMs = Math.min(nowMs, before.released_ms ?? before.synced_before_ms);
  return { sameBoot: bootId !== "" && before.boot_id === bootId, syncedBeforeMs };
}

function isHeld(record: LockRecord, processes: Processes): boolean {
  if (record.released_ms !== undefined || record.boot_id !== processes.bootId()) return false;
  const start = processes.startOf(record.pid);
  return start === "unknown" || start === record.start;
}

/** A lock file that power loss left empty is nobody's. */
const unreadableToken = "unreadable";
const unreadable: LockRecord = { pid: 0, start: 0, boot_id: "-", token: unreadableToken, synced_before_ms: 0 };

function readLock(files: FileLayer, path: string): LockRecord | undefined {
  const bytes = tryReadFile(files, path);
  if (bytes === undefined) return undefined;
  try {
    const record = JSON.parse(textOf(bytes)) as LockRecord;
    const isWhole = Number.isInteger(record.pid) && typeof record.boot_id === "string" && /^[\w-]+$/.test(record.token);
    return isWhole ? record : unreadable;
  } catch {
    return unreadable;
  }
}
