/** Finds the stage benches that are built, and runs them. */
import { readdirSync } from "node:fs";
import type { Stage } from "../stage/stage.ts";
import { runStage, type StageResult } from "../stage/stage.ts";

const folder = new URL("../stage/", import.meta.url);

/** Returns the stages whose name `wanted` takes, in the order of their names. */
export async function stagesOf(wanted: (name: string) => boolean): Promise<Stage[]> {
  const stages: Stage[] = [];
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".bench.js") || !wanted(`stage/${file.slice(0, -".bench.js".length)}`)) continue;
    const module = (await import(new URL(file, folder).href)) as { stage: Stage };
    stages.push(module.stage);
  }
  return stages;
}

/** Runs one stage; see `runStage`. */
export function measureStage(stage: Stage, isSmoke: boolean): Promise<StageResult[]> {
  return runStage(stage, { smoke: isSmoke });
}
