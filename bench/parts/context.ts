/** What flows share in one run: directories, programs, things made once; all of it goes at the end. */
import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench } from "../flow/flow.ts";
import { type Program, startProgram } from "./program.ts";

export type BenchOptions = Omit<Bench, "directory" | "shared" | "program">;

export class Context {
  readonly #root: string;
  readonly #programs = new Map<string, Promise<Program>>();
  readonly #shared = new Map<string, unknown>();
  #directoryCount = 0;
  /** Directories of the flow that runs; those of shared things are not among them. */
  #passing: string[] = [];
  #isSharing = false;

  /** @param parent where directories are made; the system's place for temporary files by default. */
  constructor(parent = tmpdir()) {
    this.#root = mkdtempSync(join(parent, "tailrace-bench-"));
    process.once("exit", () => this.#remove());
  }

  /** Returns a bench on one server under test. */
  bench(options: BenchOptions): Bench {
    return {
      ...options,
      directory: () => this.#makeDirectory(),
      shared: <T>(name: string, make: () => Promise<T>) => this.#sharedOf(`${name} ${options.main}`, make),
      program: (path) => this.#programOf(path),
    };
  }

  /** Removes what the flow that just ended left. */
  async clear(): Promise<void> {
    for (const directory of this.#passing.splice(0)) await rm(directory, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).close();
    this.#remove();
  }

  #makeDirectory(): string {
    const directory = mkdtempSync(join(this.#root, `${++this.#directoryCount}-`));
    if (!this.#isSharing) this.#passing.push(directory);
    return directory;
  }

  async #sharedOf<T>(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#shared.get(name);
    if (known !== undefined) return known as T;
    this.#isSharing = true;
    const made = await make();
    this.#isSharing = false;
    this.#shared.set(name, made);
    return made;
  }

  #programOf(path: string): Promise<Program> {
    const known = this.#programs.get(path) ?? startProgram(path);
    this.#programs.set(path, known);
    return known;
  }

  #remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
