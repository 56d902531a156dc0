/** `tailrace serve`: starts the server and stops it on a signal. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { Settings } from "../server/settings.ts";
import { addExamples, CommandError, UsageError } from "./command.ts";

const flagTexts: Readonly<Record<keyof Settings, string>> = {
  host: "address to listen on",
  port: "port to listen on; 0 picks a free one",
  dataDir: "directory of sessions and segments",
  workers: "ingest threads",
  arenaBytes: "memory for the newest entries",
  slabBytes: "memory for bodies that wait",
  segmentBytes: "size at which a segment file is closed",
  bodyLimit: "largest body before decompression",
  inflatedLimit: "largest body after decompression",
  entryLimit: "largest entry",
  fieldLimit: "fields of one entry",
  depthLimit: "nesting of an entry's JSON",
  diskLowWater: "free space under which intake answers 507",
  idleTimeout: "silence after which a session ends, or off",
  livenessInterval: "how often local processes are looked for, or off",
  retainAge: "age at which ended sessions are removed, or off",
  retainCount: "sessions kept, 0 for all",
  retainBytes: "bytes kept in all, or off",
  retainInterval: "how often that, and archiveAfter, is looked at, or off",
  sessionMaxBytes: "bytes kept of one session, or off",
  archiveAfter: "age at which ended sessions are archived, or off",
  parentSession: "session that this server belongs to",
  forward: "send the server's own log to another server (TAILRACE_URL)",
  allowHost: "more names to be addressed by, with commas",
  allowOrigin: "more web pages that may connect, with commas",
  logLevel: "trace, debug, info, warn, error, fatal or silent",
  testHooks: "let tests kill threads; not for use",
};

/** Registers `serve`. */
export function registerServe(program: Command): void {
  const command = program
    .command("serve")
    .description("start the server")
    .option("--config <file>", "settings as JSON, keys like the flags");
  for (const [key, text] of Object.entries(flagTexts)) {
    const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (key === "testHooks") command.option(`--${flag}`, text);
    else command.option(key === "forward" ? `--${flag} [url]` : `--${flag} <value>`, text);
  }
  addExamples(command, ["tailrace serve", "tailrace serve --port 0 --data-dir /var/lib/tailrace --retain-bytes 50GiB"]);
  command.action(async (flags: Record<string, unknown>) => serve(flags));
}

async function serve(flags: Record<string, unknown>): Promise<void> {
  // Loaded here, so that the other commands start without the server's libraries.
  const { StartError, startServer } = await import("../server/server.ts");
  const { parseSettings, settingsFromEnvironment } = await import("../server/settings.ts");
  const { config, ...given } = flags;
  if (given["forward"] === true) given["forward"] = forwardUrl();
  const raw = { ...(typeof config === "string" ? readConfig(config) : {}), ...settingsFromEnvironment(process.env), ...given };
  const parsed = parseSettings(raw);
  if ("problems" in parsed) throw new UsageError(`wrong settings:\n  ${parsed.problems.join("\n  ")}`);
  // From here on: a start that is told to stop stops cleanly too, when it is done.
  const signalled = firstSignal();
  let server: Awaited<ReturnType<typeof startServer>>;
  try {
    server = await startServer(parsed.settings);
  } catch (error) {
    if (error instanceof StartError) throw new CommandError(error.message);
    throw error;
  }
  process.stdout.write(`tailrace listening on ${server.url}\n`);
  await server.stop(await signalled);
  process.exit(0);
}

function forwardUrl(): string {
  const url = process.env["TAILRACE_URL"];
  if (url === undefined || url === "") throw new UsageError("--forward needs an address, or TAILRACE_URL");
  return url;
}

function readConfig(path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      // Keys may be written like the flags.
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), item]),
      );
    }
    throw new Error("it is no JSON object");
  } catch (error) {
    throw new UsageError(`--config ${path}: ${(error as Error).message}`);
  }
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
}
