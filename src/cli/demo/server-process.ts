/** A server of our own as a child process, on a free port and with a data directory that goes with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { waitingClock } from "../../base/clock.ts";

export interface ServerProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** What the server said on standard error of late. */
  talk(): string;
  /** Asks the server to stop and returns its exit code; undefined when it had to be killed. */
  stop(): Promise<number | undefined>;
}

const main = fileURLToPath(new URL("../../main.js", import.meta.url));
const talkLengthMax = 64 * 1024;
const stopMsMax = 30_000;
const readyLine = /^tailrace listening on (http:\S+)$/;

/** Starts a server and resolves when it is ready. */
export async function startServer(dataDir: string, args: readonly string[] = []): Promise<ServerProcess> {
  const child = spawn(process.execPath, [main, "serve", "--port", "0", "--data-dir", dataDir, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  child.once("exit", () => process.off("exit", killAtExit));
  let talk = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    talk = (talk + text).slice(-talkLengthMax);
  });
  const url = await readyUrl(child);
  if (url === undefined) throw new Error(`the server did not start:\n${talk}`);
  return { url, child, talk: () => talk, stop: () => stopServer(child) };
}

/** Makes a temporary directory, gives it to `action` and removes it. */
export async function withTemporaryDirectory<T>(action: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "tailrace-"));
  try {
    return await action(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function readyUrl(child: ChildProcess): Promise<string | undefined> {
  if (child.stdout === null) return undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const match = readyLine.exec(line);
    child.stdout.resume();
    return match?.[1];
  }
  return undefined;
}

async function stopServer(child: ChildProcess): Promise<number | undefined> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? undefined;
  const cancelKill = waitingClock.after(stopMsMax, () => child.kill("SIGKILL"));
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = (await exit) as [number | null];
  cancelKill();
  return code ?? undefined;
}
