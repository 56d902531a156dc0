/** The architecture page as a test: folder arrows, capabilities, file sizes, and a test for every numbered rule. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Folders in data order; each may import itself and those named. `config.ts` may be imported by all. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  base: [],
  record: ["base"],
  wire: ["base", "record"],
  handoff: ["base"],
  storage: ["base", "record"],
  worker: ["base", "record", "wire", "handoff", "storage"],
  server: ["base", "record", "wire", "handoff", "storage"],
  client: ["base", "record", "wire"],
  dashboard: ["client", "base", "record", "wire"],
  cli: ["client", "server", "base", "record", "wire", "storage"],
};

/** What of the platform only some files may use: pattern of the source, and the files that may. */
const capabilities: readonly (readonly [string, RegExp, RegExp])[] = [
  ["shared memory", /\bAtomics\b|new SharedArrayBuffer/, /^handoff\//],
  ["uWebSockets.js", /from "uWebSockets\.js"/, /^server\//],
  ["piscina", /from "piscina"/, /^server\/pool\.ts$|^worker\/query-entry\.ts$/],
  ["thread identity", /\bparentPort\b|\bworkerData\b.*from|from "node:worker_threads"/, /^worker\/\w+-entry\.ts$/],
  ["the environment", /\bprocess\.env\b/, /^cli\/|^server\/settings\.ts$/],
  ["files", /from "node:fs(\/promises)?"/, /^storage\/|^cli\//],
  ["time", /\bDate\.now\(|\bperformance\.now\(|\bsetTimeout\(|\bsetInterval\(|new Date\(\)/, /^base\/clock\.ts$|^dashboard\//],
  ["the console", /\bconsole\./, /^cli\/|^dashboard\//],
];

function sources(folder: string, pattern = /\.ts$/): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && pattern.test(entry.name)) found.push(join(entry.parentPath, entry.name));
  }
  return found.filter((path) => !path.includes("generated"));
}

const files = sources(join(root, "src")).map((path) => ({
  name: relative(join(root, "src"), path),
  path,
  text: readFileSync(path, "utf8"),
}));

test("imports point up the list of folders only", () => {
  const wrong: string[] = [];
  for (const { name, path, text } of files) {
    const folder = name.includes("/") ? (name.split("/")[0] as string) : undefined;
    if (folder === undefined) continue;
    for (const match of text.matchAll(/(?:from|import)\s*\(?"(\.[^"]+)"/g)) {
      const target = relative(join(root, "src"), join(dirname(path), match[1] as string));
      const other = target.includes("/") ? (target.split("/")[0] as string) : undefined;
      if (other === undefined || other === folder) continue;
      if (!(arrows[folder] ?? []).includes(other)) wrong.push(`${name} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("every folder of src has its place in the list", () => {
  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual(folders.map((entry) => entry.name).sort(), Object.keys(arrows).sort());
});

for (const [what, pattern, allowed] of capabilities) {
  test(`${what} is used only where the list says`, () => {
    const wrong = files.filter(({ name, text }) => !allowed.test(name) && pattern.test(withoutComments(text)));
    assert.deepEqual(
      wrong.map(({ name }) => name),
      [],
    );
  });
}

test("files are short", () => {
  const long = files.filter(({ text }) => text.split("\n").length > 401).map(({ name }) => name);
  assert.deepEqual(long, []);
});

test("there are no default exports and no barrels", () => {
  const wrong = files.filter(({ text }) => /^export default|^export \* from/m.test(text)).map(({ name }) => name);
  // Vite wants its settings as a default export.
  assert.deepEqual(
    wrong.filter((name) => name !== "dashboard/vite.config.ts"),
    [],
  );
});

test("every numbered rule of the architecture page has a test that names it", () => {
  const page = readFileSync(join(root, "src/README.md"), "utf8");
  const rules = [...page.matchAll(/^\| ([A-Z]\d+) +\|/gm)].map((match) => match[1] as string);
  assert.ok(rules.length > 10, "the page has its table of rules");
  const tests = sources(join(root, "test"), /\.test\.ts$/)
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  const missing = rules.filter((rule) => !new RegExp(`test\\(\\s*["'\`][^"'\`]*\\b${rule}\\b[^"'\`]*:`).test(tests));
  assert.deepEqual(missing, []);
});

test("every hot file has a stage bench of its name", () => {
  const benches = sources(join(root, "bench/stage"))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  const hot = files.filter(({ name }) => name.endsWith(".hot.ts")).map(({ name }) => name);
  const missing = hot.filter((name) => !benches.includes(`#src/${name}`) && !isReachable(name, benches));
  assert.deepEqual(missing, []);
});

/** A hot file that another hot file with a bench is made of runs in that bench. */
function isReachable(name: string, benches: string): boolean {
  const seen = new Set<string>();
  const queue = files.filter((file) => benches.includes(`#src/${file.name}`));
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file.name)) continue;
    seen.add(file.name);
    for (const match of file.text.matchAll(/from "(\.[^"]+)"/g)) {
      const target = relative(join(root, "src"), join(dirname(file.path), match[1] as string));
      const next = files.find((other) => other.name === target);
      if (next !== undefined) queue.push(next);
    }
  }
  return seen.has(name);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}
