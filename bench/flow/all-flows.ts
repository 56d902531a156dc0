/** Every flow, in the order of the report. */
import type { Flow } from "./flow.ts";
import { intakeFlows } from "./intake-flows.ts";
import { liveFlows } from "./live.ts";
import { readFlows } from "./read.ts";

/** Returns all flows; those that only `--all` runs among them. */
export function allFlows(): Flow[] {
  return [...intakeFlows(), ...readFlows(), ...liveFlows()];
}
