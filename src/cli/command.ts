/** What all commands share: where the server is, output, interruption, settings, and how errors become exit codes. */
import { readFileSync } from "node:fs";
import { type Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { TailraceClient } from "../client/client.ts";
import { isCode, TailraceError } from "../client/errors.ts";
import { Output, PipeClosed } from "./output.ts";
import { visible } from "./terminal.ts";

/** Exit codes (stable): 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** A failure whose message says everything: shown without a stack, exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Wrong usage that the parser could not see: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The reason of the abort signal after Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

export const urlDefault = "http://127.0.0.1:7420";

/** Options of every client command. */
export interface ClientOptions {
  url: string;
  json?: boolean;
}

/** One run of a command. */
export interface Context<O> {
  readonly options: O;
  /** What the file of `--config` holds. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Data. */
  readonly out: Output;
  /** Everything else. */
  readonly talk: Output;
  /** Aborted by Ctrl-C, and when the reader of standard output goes away. */
  readonly signal: AbortSignal;
}

/** Options whose value may also come from the file of `--config`, under the name of the flag in camel case. */
const configurable = new WeakSet<Option>();

/** Makes an option that is also a setting: flag over `TAILRACE_*` over `--config` over default. */
export function setting(flags: string, description: string, defaultValue?: string): Option {
  const option = new Option(flags, description);
  if (defaultValue !== undefined) option.default(defaultValue);
  option.env(`TAILRACE_${option.name().replaceAll("-", "_").toUpperCase()}`);
  configurable.add(option);
  return option;
}

/** Adds `--config` to a command with settings. */
export function configOption(): Option {
  return new Option("--config <file.json>", "file with settings; flags and TAILRACE_* win").env("TAILRACE_CONFIG");
}

/** Adds a command that talks to a server. */
export function clientCommand(program: Command, nameAndArguments: string, description: string, examples: string[]): Command {
  return addExamples(program.command(nameAndArguments).description(description), examples)
    .addOption(setting("--url <url>", "address of the server", urlDefault).argParser(parseUrl))
    .addOption(configOption())
    .option("--json", "print JSON");
}

/** Shows examples under a command's help, and the way to that help after wrong usage. */
export function addExamples(command: Command, examples: readonly string[]): Command {
  const name = command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`;
  command.showHelpAfterError(`"${name} --help" shows how it is used.`);
  return command.addHelpText("after", `\nExamples:\n${examples.map((example) => `  ${example}`).join("\n")}`);
}

/** Sets what a command does; its arguments come first, then its context. */
export function run<O extends object, A extends unknown[]>(
  command: Command,
  action: (context: Context<O>, ...args: A) => Promise<void>,
  { catchesInterrupt = true }: { readonly catchesInterrupt?: boolean } = {},
): Command {
  return command.action(async (...values: unknown[]) => {
    const config = configOf(command);
    applyConfig(command, config);
    const controller = new AbortController();
    const out = new Output(process.stdout, process.env);
    const talk = new Output(process.stderr, process.env);
    watchPipes(controller);
    if (catchesInterrupt) watchInterrupt(controller);
    const context = { options: command.opts() as O, config, out, talk, signal: controller.signal };
    await action(context, ...(values.slice(0, command.registeredArguments.length) as A));
    if (controller.signal.reason instanceof Interrupted) throw controller.signal.reason;
  });
}

/** Returns the client for the server that the options name; a person who waits hears of trouble at once. */
export function clientOf(context: Context<ClientOptions>, options: { readonly retryForMs?: number } = {}): TailraceClient {
  return new TailraceClient({ url: context.options.url, retryForMs: 0, ...options });
}

/** Returns the exit code for what a command threw, and says why on standard error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof PipeClosed) return exitCodes.done;
  if (error instanceof Interrupted) return exitCodes.interrupted;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof UsageError) {
    process.stderr.write(`tailrace: ${visible(error.message)}\n`);
    return exitCodes.usage;
  }
  process.stderr.write(`tailrace: ${visible(messageOf(error))}\n`);
  return exitCodes.failed;
}

function messageOf(error: unknown): string {
  if (error instanceof TailraceError && error.code === "unreachable") {
    return `${error.message}\nIs the server running? "tailrace serve" starts one; --url or TAILRACE_URL names another.`;
  }
  // The server's sentence ends with the request that makes a session; here a look at the list helps.
  if (isCode(error, "session_not_found"))
    return (error as Error).message.replace(/: POST .*$/, '; "tailrace ls" lists what there is');
  if (error instanceof TailraceError || error instanceof CommandError) return error.message;
  if (error instanceof Error && "code" in error) return fileMessageOf(error as NodeJS.ErrnoException) ?? error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const fileTroubles: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is no directory",
  EACCES: "this user may not",
  EPERM: "this user may not",
  ENOSPC: "the disk is full",
  EROFS: "the file system is read-only",
};

/** Returns what went wrong with which file, in words. */
function fileMessageOf(error: NodeJS.ErrnoException): string | undefined {
  const trouble = fileTroubles[error.code ?? ""];
  if (trouble === undefined) return undefined;
  const path = error.path ?? "";
  return path === "" ? undefined : `cannot use ${path}: ${trouble} (${error.code})`;
}

/** A reader that closes the pipe (`tailrace tail | head`) ends the command, which is no error. */
function watchPipes(controller: AbortController): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    controller.abort(error.code === "EPIPE" ? new PipeClosed() : error);
  });
  process.stderr.on("error", () => {});
}

/** The first Ctrl-C lets the command finish tidily, the second one does not wait. */
function watchInterrupt(controller: AbortController): void {
  process.on("SIGINT", () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort(new Interrupted());
  });
}

/** Returns a setting that is no flag of this command: environment over file. */
export function configured(context: Context<object>, key: string): string | undefined {
  const name = `TAILRACE_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
  const value = process.env[name] ?? context.config[key];
  return value === undefined ? undefined : String(value);
}

function configOf(command: Command): Record<string, unknown> {
  const file = command.opts()["config"] as string | undefined;
  return file === undefined ? {} : readConfig(file);
}

function applyConfig(command: Command, config: Readonly<Record<string, unknown>>): void {
  for (const option of command.options) {
    const key = option.attributeName();
    const source = command.getOptionValueSource(key);
    const value = config[key];
    if (!configurable.has(option) || value === undefined || (source !== undefined && source !== "default")) continue;
    command.setOptionValueWithSource(key, option.parseArg?.(String(value), undefined) ?? String(value), "config");
  }
}

function readConfig(file: string): Record<string, unknown> {
  try {
    const config: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof config === "object" && config !== null && !Array.isArray(config)) return config as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`cannot read the settings in ${file}: ${(error as Error).message}`);
  }
  throw new UsageError(`cannot read the settings in ${file}: not a JSON object`);
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return text.replace(/\/+$/, "");
  throw new InvalidArgumentError(`It is not an address like ${urlDefault}.`);
}
