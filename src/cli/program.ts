/** The program `tailrace`: its commands, and what becomes of their errors. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addExamples, exitCodeOf, exitCodes } from "./command.ts";
import { registerCompletion } from "./commands/completion.ts";
import { registerDemo } from "./commands/demo.ts";
import { registerExport } from "./commands/export.ts";
import { registerGrep } from "./commands/grep.ts";
import { registerImport } from "./commands/import.ts";
import { registerArchive, registerEnd, registerRestore } from "./commands/lifetime.ts";
import { registerLs } from "./commands/ls.ts";
import { registerPrune } from "./commands/prune.ts";
import { registerSend } from "./commands/send.ts";
import { registerShow } from "./commands/show.ts";
import { registerStatus } from "./commands/status.ts";
import { registerTail } from "./commands/tail.ts";
import { registerUi } from "./commands/ui.ts";
import { registerVerify } from "./commands/verify.ts";
import { registerServe } from "./serve.ts";

/** Makes the program with all its commands. */
export function createProgram(): Command {
  const program = new Command("tailrace")
    .description("A session-log engine: structured logs in at wire speed, kept, searchable and live.")
    .version(packageVersion(), "-V, --version")
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, "tailrace:")) });
  addExamples(program, [
    "tailrace serve                        start the server",
    "make 2>&1 | tailrace send --app make  put a log into it",
    "tailrace ls                           see the sessions",
    "tailrace tail -f 66f0                 follow one, named by the start of its id",
  ]).addHelpText("after", "\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.");
  registerServe(program);
  registerLs(program);
  registerStatus(program);
  registerShow(program);
  registerTail(program);
  registerGrep(program);
  registerSend(program);
  registerExport(program);
  registerImport(program);
  registerEnd(program);
  registerArchive(program);
  registerRestore(program);
  registerPrune(program);
  registerVerify(program);
  registerUi(program);
  registerCompletion(program);
  registerDemo(program);
  return program;
}

/** Both src/ and dist/ lie beside package.json. */
function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** Runs the program and returns its exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  forgetEmptySettings(process.env);
  // Commands watch for themselves; this is for help that nobody reads to its end.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const code = await createProgram()
    .parseAsync(argv as string[])
    .then(() => exitCodes.done, exitCodeOf);
  await Promise.all([process.stdout, process.stderr].map(written));
  return code;
}

/** Resolves when everything written to `stream` has left the process. */
export function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.write("", () => resolve());
  });
}

/** `TAILRACE_URL= tailrace ls` means the default, not an empty address. */
function forgetEmptySettings(environment: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith("TAILRACE_") && value === "") delete environment[name];
  }
}
