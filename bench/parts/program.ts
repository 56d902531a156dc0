/** Programs of the bench in processes of their own: started once, then called by name over the channel of the fork. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A running program, seen from the runner. */
export interface Program {
  readonly pid: number;
  /** Calls one of the functions that the program serves; rejects with its error, or when the process ends. */
  call<Result>(name: string, argument: unknown): Promise<Result>;
  close(): Promise<void>;
}

interface Call {
  readonly number: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Reply {
  readonly number: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Starts the built file `path`, which is relative to `dist/bench/`. */
export async function startProgram(path: string): Promise<Program> {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  const child = fork(file, [], { serialization: "advanced", execArgv: [] });
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  await once(child, "spawn");
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  child.on("message", (reply: Reply) => {
    const call = waiting.get(reply.number);
    waiting.delete(reply.number);
    if (reply.error === undefined) call?.resolve(reply.result);
    else call?.reject(new Error(`${path}: ${reply.error}`));
  });
  child.once("exit", (code, signal) => {
    process.off("exit", killAtExit);
    for (const call of waiting.values()) call.reject(new Error(`${path} ended (${signal ?? code})`));
  });
  let number = 0;
  const call = <Result>(name: string, argument: unknown) =>
    new Promise<Result>((resolve, reject) => {
      number++;
      waiting.set(number, { resolve: (value) => resolve(value as Result), reject });
      child.send({ number, name, argument } satisfies Call);
    });
  return { pid: child.pid as number, call, close: () => closeChild(child) };
}

/** Ends a child by its channel or a signal, whichever it listens to. */
async function closeChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** Makes this process a program: answers calls with what `functions` return or resolve to. */
export function serveCalls(functions: Readonly<Record<string, (argument: never) => unknown>>): void {
  process.on("message", (call: Call) => void answer(functions, call));
  process.once("disconnect", () => process.exit());
}

async function answer(functions: Readonly<Record<string, (argument: never) => unknown>>, call: Call): Promise<void> {
  const { number, name, argument } = call;
  try {
    const named = functions[name];
    if (named === undefined) throw new Error(`there is no function ${name}`);
    const result = await named(argument as never);
    process.send?.({ number, result } satisfies Reply);
  } catch (error) {
    process.send?.({ number, error: (error as Error).stack ?? String(error) } satisfies Reply);
  }
}
