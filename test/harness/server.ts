/** The built server as a process of its own: started on a free port, killed, started again on the same one. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import type { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { EntryObject, LogPage } from "#src/wire/api.ts";
import { type CallOptions, call, type HttpAnswer, keepAliveAgent } from "./http.ts";
import { freePort } from "./port.ts";
import { freshSessionId } from "./random.ts";
import { inTime, until } from "./until.ts";

const program = fileURLToPath(new URL("../../main.js", import.meta.url));
/** The end of its log is shown when a start fails. */
const logLengthMax = 400_000;

export interface ServerOptions {
  /** Flags of `tailrace serve` beside port and data directory. */
  readonly flags?: readonly string[];
  /** Absent: a temporary one that goes away with the server. */
  readonly dataDir?: string;
  /** A command that runs the server, like `prlimit --fsize=…`. */
  readonly wrapper?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class TestServer {
  readonly dataDir: string;
  readonly #options: ServerOptions;
  #child: ChildProcess | undefined;
  #agent: Agent = keepAliveAgent();
  #exit: Promise<number | NodeJS.Signals> = Promise.resolve(0);
  #log = "";
  port = 0;
  /** It listens, as far as we know. */
  isUp = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "tailrace-process-"));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What it wrote to stderr, the end of it. */
  get log(): string {
    return this.#log;
  }

  /** Closes the pipe that its log goes to, as a reader that dies would. */
  closeLog(): void {
    this.#child?.stderr?.destroy();
    this.#child?.stdout?.destroy();
  }

  get agent(): Agent {
    return this.#agent;
  }

  /** Starts the program and waits for its first line. Throws with its log when it does not come. */
  async start(moreFlags: readonly string[] = []): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    const { wrapper = [], flags = [], environment = {} } = this.#options;
    const command = [...wrapper, process.execPath, program, "serve", "--port", String(this.port), "--data-dir", this.dataDir];
    const child = spawn(command[0] as string, [...command.slice(1), ...flags, ...moreFlags], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    this.#child = child;
    running.add(child);
    this.#agent = keepAliveAgent();
    this.#exit = new Promise((resolve) => {
      child.on("exit", (code, signal) => {
        running.delete(child);
        this.isUp = false;
        resolve(code ?? signal ?? 0);
      });
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-logLengthMax);
    });
    await inTime("the server's first line", this.#firstLine(child));
    this.isUp = true;
  }

  #firstLine(child: ChildProcess): Promise<void> {
    let text = "";
    return new Promise((resolve, reject) => {
      child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        // It says the address that it was told to listen on.
        if (text.startsWith("tailrace listening on http://") && text.endsWith(`:${this.port}\n`)) resolve();
      });
      child.on("error", reject);
      void this.#exit.then((code) => reject(new Error(`the server ended with ${code} before it listened:\n${this.#log}`)));
    });
  }

  /** Resolves with the exit code, or the signal that ended it. */
  exited(): Promise<number | NodeJS.Signals> {
    return inTime("the server's end", this.#exit);
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Ends it as a crash of the machine's program would: kill -9. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited();
    this.#agent.destroy();
  }

  /** Asks it to stop and returns its exit code. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.signal("SIGTERM");
    const code = await this.exited();
    this.#agent.destroy();
    return code;
  }

  /** Ends it for good and removes what it wrote. */
  async close(): Promise<void> {
    if (this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
    this.#agent.destroy();
    if (this.#options.dataDir === undefined) rmSync(this.dataDir, { recursive: true, force: true });
  }

  call(method: string, path: string, options: CallOptions = {}): Promise<HttpAnswer> {
    return call(this.url, method, path, { agent: this.#agent, ...options });
  }

  /** Makes a session and returns its id. */
  async session(body: object = {}, id = freshSessionId()): Promise<string> {
    const answer = await this.call("POST", `/sessions/${id}`, { body });
    if (answer.status !== 201 && answer.status !== 200) throw new Error(`no session: ${answer.status} ${answer.text}`);
    return id;
  }

  /** Appends entries as a JSON array. */
  append(id: string, entries: readonly object[], query = "", headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return this.call("POST", `/sessions/${id}/log${query}`, { body: entries, headers });
  }

  /** Reads every entry of a session by cursor. */
  async readAll(id: string, query = ""): Promise<EntryObject[]> {
    const entries: EntryObject[] = [];
    for (let cursor = 0; ; ) {
      const answer = await this.call("GET", `/sessions/${id}/log?cursor=${cursor}&limit=10000${query}`);
      if (answer.status !== 200) throw new Error(`no page: ${answer.status} ${answer.text}`);
      const page = answer.json<LogPage>();
      entries.push(...page.entries);
      if (!page.more) return entries;
      cursor = page.cursor;
    }
  }

  async ready(): Promise<void> {
    await until("readiness", async () => (await this.call("GET", "/readyz")).status === 200);
  }
}

/** Starts a server that ends with the test. */
export async function serverFor(t: TestContext, options: ServerOptions = {}): Promise<TestServer> {
  const server = new TestServer(options);
  t.after(() => server.close());
  await server.start();
  return server;
}

/** A server that all tests of a file share: started before the first, ended after the last. `prepare` runs in between. */
export function sharedServer(options: ServerOptions = {}, prepare?: (server: TestServer) => Promise<void>): TestServer {
  const server = new TestServer(options);
  before(async () => {
    await server.start();
    await prepare?.(server);
  });
  after(() => server.close());
  return server;
}
