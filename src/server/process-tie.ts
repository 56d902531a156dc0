/** Ties a session to the very process that has its pid now, so that a recycled pid can't pose as alive. */
import type { Processes } from "../storage/processes.ts";
import type { SessionRecord } from "../storage/types.ts";

/** The members of a record that name a process. */
export type ProcessTie = Pick<SessionRecord, "pid" | "pid_start" | "boot_id">;

/**
 * Returns the members for a pid that a client of this machine reports; without a start time when nobody has it, none when
 * that can't be told: the session then ends like one without a process.
 */
export function tieOf(processes: Processes, pid: number): ProcessTie {
  const start = processes.startOf(pid);
  if (start === "unknown") return {};
  return { pid, boot_id: processes.bootId(), ...(start === undefined ? {} : { pid_start: start }) };
}

/** Returns whether the record names a process at all; some clients say 0 for "none". */
export function hasProcess({ pid }: ProcessTie): boolean {
  return pid !== undefined && pid !== 0;
}

/** Returns whether the very process that the record names lives; what can't be looked at now is taken to live. */
export function isAlive(processes: Processes, { pid, pid_start, boot_id }: ProcessTie): boolean {
  if (pid === undefined || pid_start === undefined || boot_id !== processes.bootId()) return false;
  const start = processes.startOf(pid);
  return start === "unknown" || start === pid_start;
}

/** Returns a record without the process it names. */
export function untied(record: SessionRecord): SessionRecord {
  const { pid: _pid, pid_start: _start, boot_id: _boot, ...rest } = record;
  return rest;
}
