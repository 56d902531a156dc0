/** `tailrace demo` (npm run demo): shows and proves the main job on this machine. */
import type { Command } from "commander";
import { wholeNumber } from "../arguments.ts";
import { addExamples, CommandError, type Context, run } from "../command.ts";
import type { DemoResult } from "../demo/demo.ts";
import { startServer, withTemporaryDirectory } from "../demo/server-process.ts";
import { fileSource, generatedSource, type Source } from "../demo/sources.ts";
import { countText, durationText, sizeText } from "../format.ts";
import { startProgress } from "../progress.ts";
import { visibleLine } from "../terminal.ts";
import { tableLines } from "../width.ts";

interface Options {
  entries: number;
  json?: boolean;
}

/** Entries of each of the four generated logs. */
const generatedCountDefault = 50_000;

/** Registers `demo`. */
export function registerDemo(program: Command): void {
  const command = addExamples(
    program
      .command("demo [files...]", { hidden: true })
      .description("start a server, send files (or generated logs), follow, read back, compare byte for byte"),
    ["npm run demo", "npm run demo -- /var/log/*.log"],
  )
    .option("--entries <count>", "entries of each generated log", wholeNumber(1), generatedCountDefault)
    .option("--json", "print JSON");
  run<Options, [string[]]>(command, demo);
}

async function demo(context: Context<Options>, files: string[]): Promise<void> {
  const { out, talk, options, signal } = context;
  const sources = files.length > 0 ? await Promise.all(files.map(fileSource)) : generatedSources(options.entries);
  const { runDemo } = await import("../demo/demo.ts");
  const { result, code, serverTalk } = await withTemporaryDirectory(async (directory) => {
    const server = await startServer(directory);
    const progress = await startProgress(talk, "demo", "entries");
    try {
      const result = await runDemo(server.url, sources, (done, total) => progress.update(done, total), signal);
      progress.stop();
      return { result, code: await server.stop(), serverTalk: server.talk() };
    } catch (error) {
      progress.stop();
      if (signal.aborted) throw error;
      throw new CommandError(`${(error as Error).message}\n${server.talk()}`);
    } finally {
      await server.stop();
    }
  });
  if (options.json) await out.json(result);
  else await out.line(reportLines(result).join("\n"));
  if (code !== 0)
    throw new CommandError(`the server ended with ${code === undefined ? "a kill" : `code ${code}`}:\n${serverTalk}`);
  if (differences(result).length > 0) throw new CommandError("what came back differs from what was sent");
}

function generatedSources(count: number): Source[] {
  return [1, 2, 3, 4].map((seed) => {
    const structured = seed % 2 === 0;
    return generatedSource(`${structured ? "structured" : "plain"}-${seed}`, seed, structured, count);
  });
}

function reportLines(result: DemoResult): string[] {
  const { sources, followed } = result;
  const rows = sources.map(({ name, entries, bytes, ms, entries_per_second, difference }) => [
    visibleLine(name),
    countText(entries),
    sizeText(bytes),
    durationText(ms),
    countText(entries_per_second),
    difference === undefined ? "identical" : "DIFFERENT",
  ]);
  const sizeBytes = sources.reduce((sum, { bytes }) => sum + bytes, 0);
  const verdict = differences(result).length === 0 ? "identical" : "DIFFERENT";
  const total = [
    "total",
    countText(result.entries),
    sizeText(sizeBytes),
    durationText(result.ms),
    countText(result.entries_per_second),
    verdict,
  ];
  const heading = ["LOG", "ENTRIES", "SIZE", "TIME", "ENTRIES/S", "READ BACK"];
  return [
    ...tableLines([heading, ...rows, total], [1, 2, 3, 4]),
    `followed live: ${countText(followed.entries)} entries of ${visibleLine(sources[0]?.name ?? "")}, ${followed.difference ?? "each once, in order"}`,
    ...differences(result),
  ];
}

function differences({ sources, followed }: DemoResult): string[] {
  const found = sources.flatMap(({ name, difference }) =>
    difference === undefined ? [] : [`${visibleLine(name)}: ${difference}`],
  );
  if (followed.difference !== undefined) found.push(`followed live: ${followed.difference}`);
  return found;
}
