/** The built program as child processes: what it prints, when, and how it ends. Nothing sleeps: output wakes the test. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { type ServerProcess, startServer } from "#src/cli/demo/server-process.ts";
import { newClientSessionId, TailraceClient } from "#src/client/client.ts";
import type { EntryInput, SessionInput } from "#src/wire/api.ts";

export const program = fileURLToPath(new URL("../../main.js", import.meta.url));

export interface Result {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed; left out: closed at once. */
  readonly input?: string | Uint8Array;
  /** Leaves standard input open for the test. */
  readonly openInput?: boolean;
}

/** A run of the program that is under way. */
export class Run {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly #listeners = new Set<() => void>();
  readonly #result: Promise<Result>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.stdout += text)));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.stderr += text)));
    this.#result = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#heard(() => {});
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Resolves when what was printed so far satisfies `isDone`; fails when the program ends before. */
  async until(isDone: (run: Run) => boolean): Promise<void> {
    while (!isDone(this)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        assert.fail(`it ended with ${this.child.exitCode} after\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  result(): Promise<Result> {
    return this.#result;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #heard(note: () => void): void {
    note();
    for (const wake of this.#listeners) wake();
    this.#listeners.clear();
  }
}

/** Starts any command. */
export function startCommand(command: string, args: readonly string[], options: RunOptions = {}): Run {
  const { NO_COLOR: _colour, ...inherited } = process.env;
  const child = spawn(command, args, { env: { ...inherited, ...options.env }, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => {});
  if (!options.openInput) child.stdin.end(options.input ?? "");
  return new Run(child);
}

/** A server for the tests of one file, and the program run against it. */
export class Bench {
  server!: ServerProcess;
  client!: TailraceClient;
  #port = 0;
  readonly directory = mkdtempSync(join(tmpdir(), "tailrace-test-"));

  get dataDir(): string {
    return join(this.directory, "data");
  }

  async start(): Promise<void> {
    // Chosen here and not by the server: a port that it picked itself cannot be taken again at once.
    this.#port ||= await freePort();
    this.server = await startServer(this.dataDir, ["--port", String(this.#port)]);
    this.client = new TailraceClient({ url: this.server.url });
  }

  /** Starts again where it was, as after a power cut. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async kill(): Promise<void> {
    const { child } = this.server;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async stop(): Promise<void> {
    await this.server.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  begin(args: readonly string[], options: RunOptions = {}): Run {
    const env = { TAILRACE_URL: this.server.url, ...options.env };
    return startCommand(process.execPath, [program, ...args], { ...options, env });
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.begin(args, options).result();
  }

  /** Runs and returns standard output; fails unless the exit code is 0. */
  async output(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  async json<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    return JSON.parse(await this.output([...args, "--json"], options)) as T;
  }

  /** Makes a session with entries. */
  async session(entries: readonly (EntryInput | string)[], input: SessionInput = {}): Promise<string> {
    const id = newClientSessionId();
    await this.client.openSession(id, { appname: "test", ...input });
    await this.append(id, entries);
    return id;
  }

  async append(id: string, entries: readonly (EntryInput | string)[]): Promise<void> {
    const list = entries.map((entry) => (typeof entry === "string" ? { message: entry } : entry));
    if (list.length > 0) await this.client.appendEntries(id, list);
  }
}

/** Gives a test file its server. */
export function useServer(): Bench {
  const bench = new Bench();
  before(() => bench.start());
  after(() => bench.stop());
  return bench;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Returns the lines of a text. */
export function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}
