/** The built server in a process of its own, and what flows do with its sessions. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SessionList, SessionObject } from "#src/wire/api.ts";

/** The program of this checkout. */
export const ownMain = fileURLToPath(new URL("../../main.js", import.meta.url));

export interface BenchServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Milliseconds from the start of the process to its first line. */
  readonly readyMs: number;
  /** Stops it as an operator would. */
  stop(): Promise<void>;
  /** Stops it as a power cut would, except for the page cache. */
  kill(): Promise<void>;
}

export interface ServerOptions {
  /** Path of the built `main.js`. */
  readonly main: string;
  readonly dataDir: string;
  readonly flags?: readonly string[];
  readonly nodeFlags?: readonly string[];
}

const readyLine = /^tailrace listening on http:\/\/[^:]+:(\d+)$/;
const talkLengthMax = 16 * 1024;

/** Starts a server on a free port and resolves when it is ready. */
export async function startServer({ main, dataDir, flags = [], nodeFlags = [] }: ServerOptions): Promise<BenchServer> {
  const startedMs = performance.now();
  const serve = [main, "serve", "--port", "0", "--data-dir", dataDir, "--log-level", "warn", ...flags];
  const child = spawn(process.execPath, [...nodeFlags, ...serve], { stdio: ["ignore", "pipe", "pipe"] });
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  child.once("exit", () => process.off("exit", killAtExit));
  let talk = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    talk = (talk + text).slice(-talkLengthMax);
  });
  const port = await readyPort(child);
  if (port === undefined) throw new Error(`the server did not start:\n${talk}`);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid as number,
    readyMs: performance.now() - startedMs,
    stop: () => end(child, "SIGTERM"),
    kill: () => end(child, "SIGKILL"),
  };
}

async function readyPort(child: ChildProcess): Promise<number | undefined> {
  if (child.stdout === null) return undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const match = readyLine.exec(line);
    if (match === null) continue;
    child.stdout.resume();
    return Number(match[1]);
  }
  return undefined;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

/** Returns the id of the `index`-th session of a bench. */
export function sessionIdAt(index: number): string {
  return `be9c4${index.toString(16).padStart(19, "0")}`;
}

/** Sends one control request and returns its JSON; throws when it is refused. */
export async function control<Result>(server: BenchServer, method: string, path: string, body?: object): Promise<Result> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await fetch(`${server.url}${path}`, { method, ...init });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Result;
}

/** Makes sessions `from` to `to` (excluded). */
export async function createSessions(server: BenchServer, from: number, to: number): Promise<void> {
  await eachSession(from, to, (id) => control(server, "POST", `/sessions/${id}`, { appname: "bench", mode: "load" }));
}

/** Ends and removes them. */
export async function purgeSessions(server: BenchServer, from: number, to: number): Promise<void> {
  await eachSession(from, to, async (id) => {
    await control(server, "DELETE", `/sessions/${id}`);
    await control(server, "DELETE", `/sessions/${id}?purge=true`);
  });
}

const concurrency = 16;

/** Calls `action` for session after session, some at a time. */
export async function eachSession(from: number, to: number, action: (id: string) => Promise<unknown>): Promise<void> {
  let next = from;
  const worker = async () => {
    while (next < to) await action(sessionIdAt(next++));
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** Returns how many entries the sessions of the bench hold together. */
export async function storedEntryCount(server: BenchServer): Promise<number> {
  const { sessions } = await control<SessionList>(server, "GET", "/sessions/?status=all&app=bench&limit=10000");
  return sessions.reduce((sum, { head }) => sum + head, 0);
}

/** Returns a session as the server shows it. */
export function sessionAt(server: BenchServer, index: number): Promise<SessionObject> {
  return control<SessionObject>(server, "GET", `/sessions/${sessionIdAt(index)}`);
}
