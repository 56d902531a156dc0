/** Every flow, in the order of the report. */
import type { Flow } from "./flow.ts";
import { intakeFlows } from "./intake-flows.ts";

/** Returns all flows; those that only `--all` runs among them. */
export function allFlows(): Flow[] {
  return [...intakeFlows()];
}
