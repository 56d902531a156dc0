/** The flows of intake: those with a target, some beside them, and the whole product for `--all`. */
import { type Form, forms, type Shape } from "../parts/workload.ts";
import type { Flow, Target } from "./flow.ts";
import { type Intake, openIntake } from "./intake.ts";

const referenceNames: Readonly<Record<Intake["reference"], string>> = {
  parse: "toString + JSON.parse, one core",
  sink: "bare uWS",
  "one session": "1 session, same load",
};

const http = { transport: "http", shape: "plain", sessions: 1 } as const;

/** In the order of the report: the profile takes the first three. */
const chosen: readonly (readonly [Intake, Target | undefined])[] = [
  [{ ...http, form: "json", batch: 1000, connections: 16, reference: "parse" }, atLeast(1.5)],
  [{ ...http, form: "json", shape: "structured", batch: 1000, connections: 16, reference: "parse" }, atLeast(1.5)],
  [{ ...http, form: "json", batch: 100, connections: 32, reference: "parse" }, atLeast(1.2)],
  [{ ...http, form: "binary", batch: 1000, connections: 16, reference: "sink" }, atLeast(0.3)],
  [{ ...http, form: "json", batch: 1, connections: 64, reference: "sink" }, atLeast(0.6)],
  [{ ...http, form: "json", batch: 1, connections: 16, reference: "sink" }, undefined],
  [{ ...http, transport: "ws", form: "json", batch: 1, connections: 8, reference: "sink" }, atLeast(0.5)],
  [{ ...http, form: "json", batch: 100, sessions: 5000, connections: 32, reference: "one session" }, atLeast(0.7)],
  [{ ...http, form: "json", batch: 1, sessions: 5000, connections: 64, reference: "one session" }, atLeast(0.7)],
  [{ ...http, form: "ndjson", batch: 1000, connections: 16, reference: "parse" }, undefined],
  [{ ...http, form: "text", batch: 1000, connections: 16, reference: "sink" }, undefined],
  [{ ...http, transport: "ws", form: "binary", batch: 1, connections: 8, reference: "sink" }, undefined],
  [{ ...http, transport: "ws", form: "json", batch: 100, connections: 8, reference: "sink" }, undefined],
];

function atLeast(ratio: number): Target {
  return { bound: "at least", ratio };
}

/** Returns all flows of intake; those that only `--all` runs come last. */
export function intakeFlows(): Flow[] {
  const flows = chosen.map(([intake, target]) => flowOf(intake, true, target));
  const names = new Set(flows.map(({ name }) => name));
  return [...flows, ...product().filter(({ name }) => !names.has(name))];
}

function flowOf(intake: Intake, isDefault: boolean, target?: Target): Flow {
  const { transport, form, shape, batch, sessions, connections } = intake;
  return {
    name: `intake/${transport}/${form}/${shape}/batch ${batch}/sessions ${sessions}/connections ${connections}`,
    unit: "entries",
    measure: "rate",
    reference: referenceNames[intake.reference],
    ...(target === undefined ? {} : { target }),
    isDefault,
    open: (bench) => openIntake(bench.isSmoke ? { ...intake, sessions: Math.min(intake.sessions, 50) } : intake, bench),
  };
}

function product(): Flow[] {
  const flows: Flow[] = [];
  for (const transport of ["http", "ws"] as const)
    for (const form of forms)
      for (const shape of ["plain", "structured"] as const)
        for (const batch of [1, 100, 1000])
          for (const sessions of [1, 100, 5000])
            if (exists(transport, form, shape) && isHeld(transport, batch, sessions))
              flows.push(flowOf({ transport, form, shape, batch, sessions, ...loadOf(transport, batch) }, false));
  return flows;
}

/** Text has no fields, and a socket takes JSON and binary only. */
function exists(transport: Intake["transport"], form: Form, shape: Shape): boolean {
  if (form === "text" && shape === "structured") return false;
  return transport === "http" || form === "json" || form === "binary";
}

/** Frames of a socket are made before, each with its session: 5,000 of 150 KB would not fit the generator. */
function isHeld(transport: Intake["transport"], batch: number, sessions: number): boolean {
  return transport === "http" || batch * sessions <= 1_000_000;
}

function loadOf(transport: Intake["transport"], batch: number): Pick<Intake, "connections" | "reference"> {
  if (transport === "ws") return { connections: 8, reference: "sink" };
  if (batch === 1) return { connections: 64, reference: "sink" };
  return { connections: batch === 100 ? 32 : 16, reference: "sink" };
}
