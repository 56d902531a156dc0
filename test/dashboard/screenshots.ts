/**
 * Takes pictures of the dashboard over a made-up log, into test/dashboard/screenshots: `npm run screenshots`, and
 * `npm run screenshots -- readme` those of one name.
 */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { newClientSessionId, TailraceClient } from "#src/client/client.ts";
import { editorLog } from "#src/client/generator.ts";
import type { SessionInput } from "#src/wire/api.ts";
import { TestServer } from "../harness/server.ts";
import { chromiumFlags, chromiumPath, mustHaveChromium } from "./chromium.ts";

const folder = fileURLToPath(new URL("../../../test/dashboard/screenshots/", import.meta.url));
const spanMs = 45 * 60_000;

/** Stretches time so that a log has its quiet and its busy minutes. */
function timeOf(share: number, endMs: number): number {
  const bend = (at: number) => at + 0.03 * Math.sin(at * 21) + 0.0035 * Math.sin(at * 97);
  return Math.round(endMs - spanMs + (bend(share) / bend(1)) * spanMs);
}

async function fill(client: TailraceClient, input: SessionInput, count: number, structured = true): Promise<string> {
  const id = newClientSessionId();
  await client.openSession(id, input);
  const next = editorLog({ seed: count, structured });
  const endMs = Date.now();
  for (let from = 0; from < count; from += 5000) {
    const lines: string[] = [];
    for (let index = from; index < Math.min(count, from + 5000); index++) {
      const { timeMs: _, fields, ...entry } = next();
      const timestamp = timeOf(index / count, endMs);
      lines.push(JSON.stringify({ ...entry, timestamp, ...(fields === undefined ? {} : { fields: JSON.parse(fields) }) }));
    }
    await client.append(id, "application/x-ndjson", lines.join("\n"));
  }
  return id;
}

/** Makes the sessions of the pictures; returns the one that is looked at. */
async function seed(client: TailraceClient): Promise<string> {
  const metadata = {
    project: "Lyra",
    engine: "5.6.1",
    changelist: 38123456,
    build: { config: "Development", tags: ["nightly", "cook"] },
  };
  const done = await fill(client, { appname: "UnrealBuildTool", mode: "Build", platform: "Linux" }, 2300);
  await client.endSession(done);
  await fill(client, { appname: "LyraGame", mode: "Client", platform: "PS5" }, 8200);
  await fill(client, { appname: "LyraServer", mode: "DedicatedServer", platform: "LinuxServer" }, 31_000, false);
  const editor = await fill(
    client,
    { appname: "UnrealEditor", mode: "Editor", platform: "Win64", jobid: "nightly-2281", metadata },
    184_000,
  );
  const cook = await fill(
    client,
    { appname: "CookCommandlet", mode: "Commandlet", platform: "Win64", parent_session_id: editor },
    41_000,
  );
  await fill(client, { appname: "ShaderCompileWorker", mode: "Worker", platform: "Win64", parent_session_id: cook }, 1900);
  await fill(client, { appname: "LyraGame", mode: "Client", platform: "Darwin" }, 640);
  return editor;
}

interface Picture {
  readonly name: string;
  readonly hash: string;
  readonly keys?: readonly string[];
  readonly width?: number;
  readonly height?: number;
  /** Height of the table of sessions; as by default when absent. */
  readonly sessionsSizePx?: number;
}

async function take(browser: Browser, url: string, theme: "light" | "dark", picture: Picture): Promise<void> {
  const { name, hash, keys = [], width = 1440, height = 900, sessionsSizePx } = picture;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, timezoneId: "UTC" });
  const page = await context.newPage();
  if (sessionsSizePx !== undefined) {
    const kept = JSON.stringify(JSON.stringify({ sessionsSizePx }));
    await page.addInitScript(`localStorage.setItem("tailrace.preferences", ${kept})`);
  }
  await page.goto(`${url}/dashboard/${hash}`);
  await page.waitForSelector("tr-session .status", { state: "attached" });
  await page.waitForTimeout(500);
  for (const key of keys) {
    await page.keyboard.press(key);
    await page.waitForTimeout(500);
  }
  // Pictures wait for charts to be drawn; nothing depends on how long that takes.
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${folder}${name}-${theme}.png` });
  await context.close();
}

async function main(): Promise<void> {
  mustHaveChromium();
  mkdirSync(folder, { recursive: true });
  const server = new TestServer({ flags: ["--log-level", "error"] });
  await server.start();
  const browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags });
  try {
    const id = await seed(new TailraceClient({ url: server.url }));
    const pictures: Picture[] = [
      { name: "sessions", hash: `#s=${id}` },
      { name: "log", hash: `#s=${id}&c=91003`, keys: ["Shift+W", "e", "Enter"] },
      { name: "overview", hash: `#s=${id}&t=overview`, keys: ["Shift+W"] },
      { name: "metadata", hash: `#s=${id}&t=metadata` },
      { name: "narrow", hash: `#s=${id}`, keys: ["Shift+W"], width: 420, height: 860 },
      { name: "readme", hash: `#s=${id}&c=91004`, keys: ["k", "k", "k", "Enter"], width: 1280, height: 800, sessionsSizePx: 209 },
    ];
    const only = process.argv[2];
    for (const picture of pictures.filter(({ name }) => only === undefined || name === only))
      for (const theme of ["light", "dark"] as const) await take(browser, server.url, theme, picture);
    console.log(`pictures are in ${folder}`);
  } finally {
    await browser.close();
    await server.close();
  }
}

await main();
