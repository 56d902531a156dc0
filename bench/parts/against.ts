/** Builds the server of another revision beside this one. */
import { execFileSync } from "node:child_process";
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface BuiltRevision {
  /** Short name of the commit. */
  readonly name: string;
  /** Path of its built `main.js`. */
  readonly main: string;
}

/** Clones this repository into `directory` at `revision` and builds it; with the packages of this checkout when they are the same. */
export async function buildRevision(revision: string, directory: string): Promise<BuiltRevision> {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--verify", `${revision}^{commit}`);
  const clone = join(directory, "revision");
  git("clone", "--quiet", "--shared", "--no-checkout", root, clone);
  const inClone = (command: string, args: string[]) =>
    execFileSync(command, args, { cwd: clone, stdio: ["ignore", "ignore", "inherit"] });
  inClone("git", ["checkout", "--quiet", "--detach", commit]);
  const hasSamePackages = git("diff", "--name-only", commit, "--", "package-lock.json") === "";
  if (hasSamePackages && existsSync(join(root, "node_modules")))
    symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  else inClone("npm", ["ci", "--silent"]);
  inClone(join(clone, "node_modules/.bin/tsc"), ["-b", "."]);
  return { name: commit.slice(0, 8), main: join(clone, "dist/main.js") };
}
