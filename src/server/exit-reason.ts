/** Puts the reason of an ending in words: a client's own text, or an exit code in the terms of its platform. */
import { type Refusal, refuse } from "../wire/outcome.ts";

const reasonLengthMax = 200;

/** NTSTATUS values a Windows process ends with (Microsoft, [MS-ERREF] 2.3.1). */
const windowsStatus: Readonly<Record<number, string>> = {
  3221225786: "interrupted (Ctrl-C)",
  3221225477: "access violation",
  3221225501: "illegal instruction",
  3221225620: "integer divide by zero",
  3221225622: "privileged instruction",
  3221225725: "stack overflow",
  3221226505: "stack buffer overrun",
  3221226356: "heap corruption",
  3221225781: "DLL not found",
  3221225794: "DLL initialization failed",
  3221225595: "invalid image format",
  3221226528: "assertion failure",
  3221225480: "invalid handle",
  3221225614: "float divide by zero",
  3221225617: "float overflow",
  3221225619: "float underflow",
  2147483651: "breakpoint",
  1073741845: "fatal app exit",
};

/** Signals by number on Linux and macOS, as far as the two agree (POSIX, signal.h). */
const signals: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

/** Returns the reason that `?reason=` or `?exit_code=` gives, `client request` without either. */
export function exitReason(query: URLSearchParams, platform: string | undefined): string | Refusal {
  const reason = query.get("reason");
  if (reason !== null) {
    if (reason.length <= reasonLengthMax) return reason === "" ? "client request" : reason;
    return refuse("invalid_query", `reason has ${reason.length} characters: at most ${reasonLengthMax} are kept.`);
  }
  const text = query.get("exit_code");
  if (text === null) return "client request";
  const code = /^(-?\d{1,10}|0[xX][0-9a-fA-F]{1,8})$/.test(text) ? Number(text) : Number.NaN;
  if (!(code >= -(2 ** 31) && code < 2 ** 32))
    return refuse("invalid_query", `exit_code=${text} must be a decimal or 0x… number of 32 bits.`);
  return `process exited (${describeExitCode(code >>> 0, platform)})`;
}

/** Returns an exit code in words: `access violation, exit code 0xC0000005`, `exit code 3`, `SIGKILL, exit code 137`. */
export function describeExitCode(code: number, platform: string | undefined): string {
  const shown = code >= 0x80000000 ? `0x${code.toString(16).toUpperCase()}` : String(code);
  if (isWindows(platform)) {
    const name = windowsStatus[code];
    if (name === undefined) return `exit code ${shown}`;
    return `${name}, exit code 0x${code.toString(16).toUpperCase().padStart(8, "0")}`;
  }
  const signal = code > 128 && code < 256 ? signals[code - 128] : undefined;
  return signal === undefined ? `exit code ${shown}` : `${signal}, exit code ${shown}`;
}

function isWindows(platform: string | undefined): boolean {
  return /^(win|windows|xb1|xsx|wingdk)/i.test(platform ?? "");
}
