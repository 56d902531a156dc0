/** The README's examples, run as they stand against a server of their own; its tables and links against the program. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createProgram } from "#src/cli/program.ts";
import { settingsSchema } from "#src/server/settings.ts";
import { sharedServer } from "../harness/server.ts";
import { packageRoot, packageText } from "./openapi.ts";

interface Block {
  readonly language: string;
  readonly mark: string;
  readonly text: string;
}

const server = sharedServer({ flags: ["--log-level", "error"] });
const root = fileURLToPath(packageRoot);
const readme = packageText("README.md");

/** Fenced blocks in order; what stands behind the language is the mark. */
const blocks: readonly Block[] = [...readme.matchAll(/^```(\w+)(?: (\w+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = "", mark = "", text = ""]) => ({ language, mark, text }),
);

/** Runs a block in the package's directory and returns what it printed. */
function run({ language, text }: Block): Promise<string> {
  const code = text.replaceAll("127.0.0.1:7420", `127.0.0.1:${server.port}`).replaceAll("npx tailrace", "node dist/main.js");
  const command =
    language === "js" ? [process.execPath, "--input-type=module", "-e", code] : ["bash", "-euo", "pipefail", "-c", code];
  const child = spawn(command[0] as string, command.slice(1), { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (data: string) => (output += data));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(output) : reject(new Error(`exit code ${code}:\n${output}`))));
  });
}

/** Times are of the day; answers of curl end without a line feed; white space between lines is the page's. */
function comparable(text: string): string[] {
  const timeless = text.replace(/\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d\.\d{3}/g, "<time>").replaceAll("}{", "}\n{");
  return timeless.split("\n").filter((line) => line !== "");
}

test("every example prints what the page shows behind it", async (t) => {
  const runs = blocks.flatMap((block, index) => (block.mark === "run" ? [{ block, shown: blocks[index + 1] }] : []));
  assert.ok(runs.length >= 6, "the page has its examples");
  for (const { block, shown } of runs) {
    assert.equal(shown?.mark, "shows", `what is shown follows ${block.text}`);
    await t.test((block.text.split("\n")[0] as string).slice(0, 80), async () => {
      assert.deepEqual(comparable(await run(block)), comparable(shown?.text ?? ""));
    });
  }
});

test("the commands of the page are those of the program", () => {
  const shown = new Set([...readme.matchAll(/npx tailrace ([a-z]+)/g)].map(([, name]) => name as string));
  const known = createProgram().commands.map((command) => command.name());
  assert.deepEqual(
    [...shown].filter((name) => !known.includes(name)),
    [],
  );
  const hidden = ["help", "demo", "serve", "complete-sessions"];
  const missing = known.filter((name) => !hidden.includes(name) && !readme.includes(`\`${name}\``) && !shown.has(name));
  assert.deepEqual(missing, []);
});

test("the scripts of the page are those of the package", () => {
  const { scripts } = JSON.parse(packageText("package.json")) as { scripts: Record<string, string> };
  const shown = [...readme.matchAll(/npm run (\w+)|npm (start|test)/g)].map(([, name, short]) => (name ?? short) as string);
  assert.deepEqual(
    [...new Set(shown)].filter((name) => scripts[name] === undefined),
    [],
  );
});

/** As the table writes it. */
function sizeText(bytes: number): string {
  if (bytes % 2 ** 30 === 0) return `${bytes / 2 ** 30}GiB`;
  return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20}MiB` : `${bytes / 2 ** 10}KiB`;
}

function durationText(ms: number): string {
  if (ms % 86_400_000 === 0) return `${ms / 86_400_000}d`;
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${ms / 1000}s`;
}

test("the table of flags has every flag of the server with its default", () => {
  const rows = new Map([...readme.matchAll(/^\| `--([a-z-]+)` \| (.*?) \|/gm)].map(([, flag, text]) => [flag, text]));
  const defaults = settingsSchema.parse({}) as Record<string, unknown>;
  const sizes = [
    "arenaBytes",
    "slabBytes",
    "segmentBytes",
    "bodyLimit",
    "inflatedLimit",
    "entryLimit",
    "retainBytes",
    "sessionMaxBytes",
  ];
  // These depend on the machine, or stand for "none".
  const inWords = ["workers", "diskLowWater", "parentSession", "forward", "allowHost", "allowOrigin"];
  const durations = ["idleTimeout", "livenessInterval", "retainAge", "retainInterval", "archiveAfter"];
  const keys = Object.keys(settingsSchema.shape).filter((key) => key !== "testHooks");
  const expected = keys.map((key) => {
    const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const value = defaults[key];
    if (inWords.includes(key)) return [flag, rows.get(flag)];
    if (value === 0) return [flag, "`off`"];
    if (sizes.includes(key)) return [flag, `\`${sizeText(value as number)}\``];
    return [flag, `\`${durations.includes(key) ? durationText(value as number) : value}\``];
  });
  assert.deepEqual(Object.fromEntries(rows), Object.fromEntries(expected));
});

test("the metrics of the page are given by the server", async () => {
  const { text } = await server.call("GET", "/metrics");
  const names = [...readme.matchAll(/`(tailrace_\w+)`/g)].map(([, name]) => name as string);
  assert.ok(names.length > 3);
  assert.deepEqual(
    names.filter((name) => !new RegExp(`^${name}[ {]`, "m").test(text)),
    [],
  );
});

test("links lead somewhere", () => {
  for (const [page, folder] of [
    ["README.md", ""],
    ["schema/README.md", "schema/"],
    ["src/README.md", "src/"],
  ] as const) {
    const links = [...packageText(page).matchAll(/\]\(([^)#]*)(?:#([\w-]+))?\)/g)];
    for (const [, path = "", anchor] of links) {
      if (path.startsWith("https://")) continue;
      const target = path === "" ? page : folder + path;
      assert.ok(existsSync(root + target), `${page} links to ${target}`);
      if (anchor !== undefined)
        assert.ok(anchorsOf(packageText(target)).includes(anchor), `${page} links to ${target}#${anchor}`);
    }
  }
});

/** As GitHub makes them. */
function anchorsOf(page: string): string[] {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading as string);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
