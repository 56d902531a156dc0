/** Load from `wrk`, where it is installed. */
import { fileURLToPath } from "node:url";
import { runCommand } from "../parts/process.ts";
import type { HttpLoad, LoadResult } from "./load.ts";

const script = fileURLToPath(new URL("../../../bench/load/wrk.lua", import.meta.url));

/** Posts for `load.seconds`, which wrk takes in whole seconds. */
export async function runWrk(load: HttpLoad): Promise<LoadResult> {
  const seconds = Math.max(1, Math.round(load.seconds));
  const options = ["-t1", `-c${load.connections}`, `-d${seconds}s`, "--timeout", "30s", "--latency", "-s", script];
  const { output, code, cpuSeconds } = await runCommand("wrk", [...options, `http://127.0.0.1:${load.port}`, load.directory]);
  const match = /^RESULT (.*)$/m.exec(output);
  if (code !== 0 || match === null) throw new Error(`wrk failed (${code}):\n${output}`);
  const { count, failed, ...rest } = JSON.parse(match[1] as string) as Omit<LoadResult, "cpuSeconds">;
  return { ...rest, count, failed, cpuSeconds };
}
