/** Every flow, in the order of the report. */
import type { Flow } from "./flow.ts";
import { intakeFlows } from "./intake-flows.ts";
import { liveFlows } from "./live.ts";
import { peerFlows } from "./peers.ts";
import { readFlows } from "./read.ts";
import { slowReaderFlow } from "./slow-readers.ts";
import { storageFlows } from "./storage.ts";

/** Returns all flows; those that only `--all` runs among them. */
export function allFlows(): Flow[] {
  return [...intakeFlows(), ...readFlows(), ...liveFlows(), slowReaderFlow(), ...storageFlows(), ...peerFlows()];
}
