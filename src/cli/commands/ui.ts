/** `tailrace ui`: the dashboard in the browser. */
import { spawn } from "node:child_process";
import type { Command } from "commander";
import { type ClientOptions, type Context, clientCommand, clientOf, run } from "../command.ts";

/** Registers `ui`. */
export function registerUi(program: Command): void {
  const command = clientCommand(program, "ui", "open the dashboard in the browser (BROWSER names another one)", ["tailrace ui"]);
  run<ClientOptions, []>(command, openDashboard);
}

async function openDashboard(context: Context<ClientOptions>): Promise<void> {
  const { out, talk, options, signal } = context;
  await clientOf(context).http.send({ path: "/healthz", signal });
  const url = `${options.url}/dashboard/`;
  if (options.json) await out.json({ url });
  else await out.line(url);
  if (!(await tryOpen(url))) await talk.line("no browser could be started; open the address yourself");
}

function tryOpen(url: string): Promise<boolean> {
  const [program, ...args] = opener();
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url], { detached: true, stdio: "ignore" });
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}

function opener(): [string, ...string[]] {
  const chosen = process.env["BROWSER"];
  if (chosen !== undefined && chosen !== "") return [chosen];
  if (process.platform === "darwin") return ["open"];
  if (process.platform === "win32") return ["cmd", "/c", "start", ""];
  return ["xdg-open"];
}
