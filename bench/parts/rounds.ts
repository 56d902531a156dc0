/** Measures a flow in rounds, subject and reference in turn, and makes a row of it. */
import { type Bench, type Contest, type Flow, figureOf, type Sample, type Target } from "../flow/flow.ts";
import { markCpu, othersBusy } from "./process.ts";
import { median, medianRange } from "./statistics.ts";

/** A row of the report. */
export interface Row {
  readonly flow: string;
  readonly unit: string;
  readonly measure: Flow["measure"];
  /** The sample in the middle by what is measured. */
  readonly subject: Sample;
  readonly reference?: { readonly name: string; readonly sample: Sample };
  /** Subject to reference, round by round. */
  readonly ratios: readonly number[];
  readonly ratio?: number;
  readonly target?: Flow["target"];
  /** `unsure`: others disturbed the rounds, or the median may lie on either side of the target. */
  readonly verdict?: "met" | "not met" | "unsure";
  readonly roundCount: number;
  /** Rounds that were thrown away because others kept the machine busy. */
  readonly disturbedCount: number;
  /** Processors that others kept busy, in the worst round that was kept. */
  readonly othersBusy: number;
  /** CPU time of a unit over all rounds: moves less than rates do when others disturb. 0: not known. */
  readonly cpuNs: number;
  readonly referenceCpuNs?: number;
  readonly note?: string;
}

export interface Rounds {
  readonly count: number;
  /** How long one flow may go on to repeat rounds that others disturbed. */
  readonly patienceMs: number;
}

/** Of one processor: what a desktop or a container does at rest. */
const othersBusyMax = 0.1;

/** Sets a flow up, measures it and closes it. */
export async function runFlow(flow: Flow, bench: Bench, rounds: Rounds): Promise<Row> {
  const contest = await flow.open(bench);
  try {
    return await rowOf(flow, contest, rounds, flow.reference);
  } finally {
    await contest.close();
  }
}

/** Sets a flow up for two servers and measures them against each other. */
export async function compareFlow(flow: Flow, ours: Bench, theirs: Bench, rounds: Rounds, name: string): Promise<Row> {
  const contests: Contest[] = [];
  try {
    for (const bench of [ours, theirs]) contests.push(await flow.open(bench));
    const [subject, reference] = contests as [Contest, Contest];
    const pair = { subject: () => subject.subject(), reference: () => reference.subject(), close: async () => {} };
    const { target: _, ...untargeted } = flow;
    return await rowOf(untargeted, pair, rounds, name);
  } finally {
    for (const contest of contests) await contest.close();
  }
}

async function rowOf(flow: Flow, contest: Contest, rounds: Rounds, referenceName: string): Promise<Row> {
  const { pairs, disturbedCount } = await takeRounds(contest, {
    ...rounds,
    count: Math.min(rounds.count, flow.roundCountMax ?? rounds.count),
  });
  const figure = (sample: Sample) => figureOf(flow.measure, sample);
  const subjects = pairs.map(({ subject }) => subject);
  const references = pairs.flatMap(({ reference }) => reference ?? []);
  const ratios = references.map((reference, round) => figure(subjects[round] as Sample) / figure(reference));
  const common = { flow: flow.name, unit: flow.unit, measure: flow.measure, subject: middleOf(subjects, figure), ratios };
  const note = subjects.at(-1)?.note;
  const othersBusy = Math.max(...[...subjects, ...references].map((sample) => sample.othersBusy ?? 0));
  const told = {
    ...common,
    cpuNs: cpuNsOf(subjects),
    roundCount: pairs.length,
    disturbedCount,
    othersBusy,
    ...(note === undefined ? {} : { note }),
  };
  if (references.length === 0) return told;
  const ratio = median(ratios);
  const compared = {
    ...told,
    ratio,
    reference: { name: referenceName, sample: middleOf(references, figure) },
    referenceCpuNs: cpuNsOf(references),
  };
  const { target } = flow;
  if (target === undefined) return compared;
  return { ...compared, target, verdict: othersBusy > othersBusyMax ? "unsure" : verdictOf(target, ratios) };
}

/** Where the median may lie must be on one side of the target. */
function verdictOf({ bound, ratio }: Target, ratios: readonly number[]): "met" | "not met" | "unsure" {
  const { least, greatest } = medianRange(ratios);
  const isMet = (one: number) => (bound === "at least" ? one >= ratio : one <= ratio);
  if (isMet(least) !== isMet(greatest)) return "unsure";
  return isMet(least) ? "met" : "not met";
}

interface Pair {
  readonly subject: Sample;
  readonly reference: Sample | undefined;
}

/** Takes rounds; one that others disturbed is taken again as long as the patience for this flow lasts. */
async function takeRounds(contest: Contest, { count, patienceMs }: Rounds): Promise<{ pairs: Pair[]; disturbedCount: number }> {
  const pairs: Pair[] = [];
  let disturbedCount = 0;
  const startedMs = performance.now();
  while (pairs.length < count) {
    const pair = await takePair(contest, pairs.length % 2 === 0);
    const busy = Math.max(pair.subject.othersBusy ?? 0, pair.reference?.othersBusy ?? 0);
    if (busy > othersBusyMax && performance.now() - startedMs < patienceMs) disturbedCount++;
    else pairs.push(pair);
  }
  return { pairs, disturbedCount };
}

/** Who comes first changes, so that neither always finds the machine as the other left it. */
async function takePair(contest: Contest, referenceFirst: boolean): Promise<Pair> {
  const take = contest.reference;
  const before = referenceFirst && take !== undefined ? await observed(take) : undefined;
  const subject = await observed(() => contest.subject());
  return { subject, reference: before ?? (take === undefined ? undefined : await observed(take)) };
}

async function observed(take: () => Promise<Sample>): Promise<Sample> {
  const before = markCpu();
  const sample = await take();
  return { ...sample, othersBusy: othersBusy(before, markCpu()) };
}

function cpuNsOf(samples: readonly Sample[]): number {
  const sum = (pick: (sample: Sample) => number) => samples.reduce((total, sample) => total + pick(sample), 0);
  const count = sum((sample) => sample.count);
  return count === 0 ? 0 : (sum((sample) => sample.serverCpuSeconds) / count) * 1e9;
}

function middleOf(samples: readonly Sample[], figure: (sample: Sample) => number): Sample {
  const sorted = samples.toSorted((one, other) => figure(one) - figure(other));
  return sorted[(sorted.length - 1) >> 1] as Sample;
}
