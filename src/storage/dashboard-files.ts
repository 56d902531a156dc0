/** Reads the built dashboard into memory. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Returns the files below `root` by their path in it; none when there is no such directory. */
export function readDashboard(root: URL): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const directory = fileURLToPath(root);
  if (!existsSync(`${directory}index.html`)) return files;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = `${entry.parentPath}/${entry.name}`;
    files.set(path.slice(directory.length).replace(/^\//, ""), readFileSync(path));
  }
  return files;
}
