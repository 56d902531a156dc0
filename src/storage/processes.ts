/** Who a process is: its pid together with its start time and the boot it lives in, so that a recycled pid is another. */
import { textOf } from "../base/bytes.ts";
import { tryReadFile } from "./file-tools.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";

/** What is known of processes of this machine. */
export interface Processes {
  /**
   * Clock ticks between boot and the start of process `pid`; undefined: there is no such process (or it is a zombie);
   * "unknown": it can not be looked at now, as when no more files can be opened.
   */
  startOf(pid: number): number | "unknown" | undefined;
  /** Changes with every boot; empty where the system does not tell. */
  bootId(): string;
}

/** Returns the processes as /proc shows them. Where there is none, a process that takes signals has start 0. */
export function systemProcesses(files: FileLayer): Processes {
  const boot = (readText(files, "/proc/sys/kernel/random/boot_id") ?? "").trim();
  return {
    startOf: (pid) => (boot === "" ? (takesSignals(pid) ? 0 : undefined) : startFromProc(files, pid)),
    bootId: () => boot,
  };
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces and parentheses. */
function startFromProc(files: FileLayer, pid: number): number | "unknown" | undefined {
  const text = readText(files, `/proc/${pid}/stat`);
  if (text === undefined) return takesSignals(pid) ? "unknown" : undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  if (state === "Z" || state === "X") return undefined;
  const start = Number(fields[19]);
  return Number.isSafeInteger(start) ? start : undefined;
}

function readText(files: FileLayer, path: string): string | undefined {
  try {
    const bytes = tryReadFile(files, path);
    return bytes === undefined ? undefined : textOf(bytes);
  } catch (error) {
    // A process that goes while it is read (ESRCH), a path that may not be read.
    errorCodeOf(error);
    return undefined;
  }
}

function takesSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCodeOf(error) === "EPERM";
  }
}
