/** `npm run bench`: measures the chosen flows and stages and prints the report. See bench/README.md. */
import { Command, Option } from "commander";
import { allFlows } from "./flow/all-flows.ts";
import type { Bench, Flow } from "./flow/flow.ts";
import { buildRevision } from "./parts/against.ts";
import { Context } from "./parts/context.ts";
import { commitName, hasCommand, machineLine } from "./parts/process.ts";
import { compareFlow, type Rounds, type Row, runFlow } from "./parts/rounds.ts";
import { ownMain } from "./parts/server.ts";
import { measureStage, stagesOf } from "./parts/stages.ts";
import { cellsOf, headerCells, markdownText, progressText, tableText } from "./parts/table.ts";
import { tableOf } from "./stage/stage.ts";

interface Options {
  readonly only?: string;
  readonly all?: true;
  readonly smoke?: true;
  readonly json?: true;
  readonly markdown?: true;
  readonly list?: true;
  readonly stages: boolean;
  readonly flows: boolean;
  readonly against?: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly patience: number;
  readonly generator?: "wrk" | "own";
  readonly directory?: string;
}

function optionsOf(argv: readonly string[]): Options {
  const program = new Command("bench")
    .option("--only <pattern>", "flows and stages whose name matches this regular expression")
    .option("--all", "the whole product of workloads too")
    .option("--smoke", "everything once and short, to see that it works")
    .option("--json", "one line of JSON per row")
    .option("--markdown", "the table as Markdown")
    .option("--list", "only the names")
    .option("--no-stages", "flows only")
    .option("--no-flows", "stages only")
    .option("--against <revision>", "compare with the server of another revision")
    .option("--rounds <count>", "rounds of each flow", Number, 3)
    .option("--seconds <seconds>", "length of one measurement under load", Number, 3)
    .option("--patience <seconds>", "time a flow may take to repeat rounds that other programs disturbed", Number, 0)
    .addOption(new Option("--generator <name>", "load from wrk or our own program").choices(["wrk", "own"]))
    .option("--directory <path>", "where data directories are made");
  return program.parse(argv).opts<Options>();
}

async function main(options: Options): Promise<void> {
  const pattern = new RegExp(options.only ?? "", "i");
  const wanted = (name: string) => pattern.test(name);
  const isNamed = (flow: Flow) => flow.isDefault || options.all === true;
  const flows = options.flows ? allFlows().filter((flow) => wanted(flow.name) && isNamed(flow)) : [];
  if (options.list === true) {
    for (const { name } of flows) console.log(name);
    return;
  }
  if (options.json !== true) console.log(`${machineLine()}; commit ${commitName()}; ${new Date().toISOString().slice(0, 10)}\n`);
  const rows = await runFlows(flows, options);
  if (options.smoke === true) console.log(`${rows.length} flows work.`);
  else if (options.json !== true && rows.length > 0) printTable(rows, options.markdown === true);
  if (options.stages && options.against === undefined) await runStages(wanted, options);
}

async function runFlows(flows: readonly Flow[], options: Options): Promise<Row[]> {
  const context = new Context(options.directory);
  const isSmoke = options.smoke === true;
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const common = {
    isSmoke,
    seconds: isSmoke ? 0.2 : options.seconds,
    warmUpSeconds: isSmoke ? 0 : 1,
    usesWrk: options.generator === undefined ? !isSmoke && hasCommand("wrk") : options.generator === "wrk",
    nodeFlags: [],
    say,
  };
  const bench = context.bench({ ...common, main: ownMain });
  const rows: Row[] = [];
  const rounds = { count: isSmoke ? 1 : options.rounds, patienceMs: options.patience * 1000 };
  const measure = await measurer(context, bench, common, options, rounds);
  for (const flow of flows) {
    const missing = flow.missing?.();
    if (missing !== undefined) say(`${flow.name}: left out, ${missing}`);
    if (missing !== undefined) continue;
    const row = await measure(flow);
    await context.clear();
    rows.push(row);
    say(isSmoke ? row.flow : progressText(row));
    if (options.json === true) console.log(JSON.stringify(row));
  }
  await context.close();
  return rows;
}

async function measurer(
  context: Context,
  bench: Bench,
  common: Omit<Bench, "main" | "directory" | "shared" | "program">,
  { against }: Options,
  rounds: Rounds,
): Promise<(flow: Flow) => Promise<Row>> {
  if (against === undefined) return (flow) => runFlow(flow, bench, rounds);
  const built = await bench.shared("revision", () => buildRevision(against, bench.directory()));
  const other = context.bench({ ...common, main: built.main });
  return (flow) => compareFlow(flow, bench, other, rounds, built.name);
}

function printTable(rows: readonly Row[], isMarkdown: boolean): void {
  const cells = [headerCells(), ...rows.map(cellsOf)];
  console.log(isMarkdown ? markdownText(cells) : tableText(cells));
  for (const { flow, note } of rows) if (note !== undefined) console.log(`${flow}: ${note}`);
  const targeted = rows.filter(({ target }) => target !== undefined);
  const countOf = (verdict: Row["verdict"]) => targeted.filter((row) => row.verdict === verdict).length;
  const counts = `${countOf("met")} met, ${countOf("not met")} not met, ${countOf("unsure")} unsure`;
  if (targeted.length > 0) console.log(`\n${targeted.length} targets: ${counts}.`);
}

async function runStages(wanted: (name: string) => boolean, options: Options): Promise<void> {
  for (const stage of await stagesOf(wanted)) {
    const results = await measureStage(stage, options.smoke === true);
    if (options.json === true) for (const result of results) console.log(JSON.stringify(result));
    else console.log(`\n${tableOf(`stage ${stage.name}`, results)}`);
  }
}

// Every program and server that runs is killed by a listener of its own.
process.setMaxListeners(100);
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
await main(optionsOf(process.argv));
// Programs that a flow left behind end with their channel.
process.exit();
