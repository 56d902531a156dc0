/** Puts the reason of an ending in words: a client's own text, or an exit code in the terms of its platform. */
import { type Refusal, refuse } from "../wire/outcome.ts";

const reasonLengthMax = 200;

/** NTSTATUS values a Windows process ends with (Microsoft, [MS-ERREF] 2.3.1). */
const windowsStatus: ReadonlyMap<number, string> = new Map([
  [0xc000013a, "interrupted (Ctrl-C)"],
  [0xc0000005, "access violation"],
  [0xc000001d, "illegal instruction"],
  [0xc0000094, "integer divide by zero"],
  [0xc0000096, "privileged instruction"],
  [0xc00000fd, "stack overflow"],
  [0xc0000409, "stack buffer overrun"],
  [0xc0000374, "heap corruption"],
  [0xc0000135, "DLL not found"],
  [0xc0000142, "DLL initialization failed"],
  [0xc000007b, "invalid image format"],
  [0xc0000420, "assertion failure"],
  [0xc0000008, "invalid handle"],
  [0xc000008e, "float divide by zero"],
  [0xc0000091, "float overflow"],
  [0xc0000093, "float underflow"],
  [0x80000003, "breakpoint"],
  [0x40000015, "fatal app exit"],
]);

const linux =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT " +
  "CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";
const mac =
  "HUP INT QUIT ILL TRAP ABRT EMT FPE KILL BUS SEGV SYS PIPE ALRM TERM URG " +
  "STOP TSTP CONT CHLD TTIN TTOU IO XCPU XFSZ VTALRM PROF WINCH INFO USR1 USR2";
/** Names of signals from 1 on: Linux on x86 and ARM (signal(7)), macOS (signal(3)). */
const signals = { linux: linux.split(" "), mac: mac.split(" ") } as const;

/** Returns the reason that `?reason=` or `?exit_code=` gives, `client request` without either. */
export function exitReason(query: URLSearchParams, platform: string | undefined): string | Refusal {
  const reason = query.get("reason");
  if (reason !== null) {
    const length = [...reason].length;
    if (length <= reasonLengthMax) return reason === "" ? "client request" : reason;
    return refuse("invalid_query", `reason has ${length} characters: send at most ${reasonLengthMax}.`);
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
    const name = windowsStatus.get(code);
    if (name === undefined) return `exit code ${shown}`;
    return `${name}, exit code 0x${code.toString(16).toUpperCase().padStart(8, "0")}`;
  }
  const signal = signals[isMac(platform) ? "mac" : "linux"][code - 129];
  return signal === undefined ? `exit code ${shown}` : `SIG${signal}, exit code ${shown}`;
}

function isWindows(platform: string | undefined): boolean {
  return /^(win|xb1|xsx|xbox)/i.test(platform ?? "");
}

function isMac(platform: string | undefined): boolean {
  return /^(mac|darwin|ios)/i.test(platform ?? "");
}
