/** What the machine says about processes: CPU seconds and memory from /proc, and what the machine is. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

/** USER_HZ: what /proc counts CPU time in; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Returns user and system seconds that process `pid` has used, all threads together. */
export function cpuSecondsOf(pid: number): number {
  const fields = statFields(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Returns the CPU seconds of children of this process that ended and were waited for. */
export function endedChildrenCpuSeconds(): number {
  const fields = statFields(process.pid);
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** CPU seconds that the machine and the processes of this bench had used at one moment. */
export interface CpuMark {
  readonly atMs: number;
  readonly machineSeconds: number;
  readonly ownSeconds: number;
}

/** Takes the mark of now. */
export function markCpu(): CpuMark {
  const [, user, nice, system, , , interrupt, softInterrupt, steal] = readFileSync("/proc/stat", "utf8")
    .split(/\s+/, 9)
    .map(Number);
  const ticks = [user, nice, system, interrupt, softInterrupt, steal].reduce<number>((sum, value) => sum + (value ?? 0), 0);
  return { atMs: performance.now(), machineSeconds: ticks / ticksPerSecond, ownSeconds: treeCpuSeconds() };
}

/** Returns how many processors others kept busy between two marks, on average. */
export function othersBusy(from: CpuMark, to: CpuMark): number {
  const others = to.machineSeconds - from.machineSeconds - (to.ownSeconds - from.ownSeconds);
  return Math.max(0, others / ((to.atMs - from.atMs) / 1000));
}

/** CPU seconds of this process and all that come from it, ended ones that were waited for too. */
function treeCpuSeconds(): number {
  const parents = new Map<number, number>();
  const seconds = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = tryStatFields(Number(name));
    if (fields === undefined) continue;
    parents.set(Number(name), Number(fields[1]));
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    seconds.set(Number(name), ticks / ticksPerSecond);
  }
  const isOwn = (pid: number): boolean => pid === process.pid || (pid > 1 && isOwn(parents.get(pid) ?? 0));
  return [...seconds].reduce((sum, [pid, used]) => (isOwn(pid) ? sum + used : sum), 0);
}

function tryStatFields(pid: number): string[] | undefined {
  try {
    return statFields(pid);
  } catch {
    // It ended since it was listed.
    return undefined;
  }
}

/** The fields of /proc/<pid>/stat from the state on; the name before them may hold anything. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Returns the bytes of memory that process `pid` has resident. */
export function residentBytesOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? 0) * 1024;
}

/** What a command did. */
export interface CommandResult {
  readonly output: string;
  readonly code: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Runs a command to its end, standard error aside; nothing else that is waited for may end meanwhile. */
export async function runCommand(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const cpuBefore = endedChildrenCpuSeconds();
  const startedMs = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...environment } });
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  process.off("exit", killAtExit);
  const seconds = (performance.now() - startedMs) / 1000;
  return { output, code: code ?? -1, seconds, cpuSeconds: endedChildrenCpuSeconds() - cpuBefore };
}

/** Returns whether `command` can be started. */
export function hasCommand(command: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore", env: environmentWithSbin });
    return true;
  } catch {
    return false;
  }
}

/** Debian puts servers where the path of a plain user does not look. */
export const environmentWithSbin = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };

/** Returns one line about machine, system and Node. */
export function machineLine(): string {
  const processor = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${processor.length} × ${processor[0]?.model.trim() ?? "?"}, ${memory} GiB, Linux ${release()}, Node ${process.version}`;
}

/** Returns the short name of the commit that is checked out, with a + when files differ from it. */
export function commitName(): string {
  try {
    const name = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
    const changed = execFileSync("git", ["status", "--porcelain", "--untracked-files=no"], { encoding: "utf8" }).trim();
    return changed === "" ? name : `${name}+`;
  } catch {
    return "unknown";
  }
}
