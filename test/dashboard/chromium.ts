/** Debian's Chromium: where it is, how it is started, and that it is there. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export const chromiumPath = "/usr/bin/chromium";

export const chromiumFlags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Installs Chromium when the machine has none; throws when that fails, so that no test is left out. */
export function mustHaveChromium(): void {
  if (existsSync(chromiumPath)) return;
  spawnSync("apt-get", ["update"], { stdio: "inherit" });
  spawnSync("apt-get", ["install", "-y", "--no-install-recommends", "chromium"], { stdio: "inherit" });
  if (!existsSync(chromiumPath))
    throw new Error("The tests of the dashboard need Debian's chromium, and it could not be installed.");
}
