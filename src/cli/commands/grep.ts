/** `tailrace grep`: the entries of a session that hold a text, with what stands around them. */
import type { Command } from "commander";
import type { EntryObject } from "../../wire/api.ts";
import { levelName, timeOrAgo, wholeNumber } from "../arguments.ts";
import { type ClientOptions, type Context, clientCommand, clientOf, run, UsageError } from "../command.ts";
import { entryLine, highlightOf, type LineStyle } from "../format.ts";
import { entriesBetween } from "../read.ts";
import { resolveSession } from "../session-argument.ts";

interface Options extends ClientOptions {
  level?: string;
  since?: string;
  until?: string;
  beforeContext?: number;
  afterContext?: number;
  context: number;
}

const contextCountMax = 1000;
/** Entries of one run of matches that overlap by their context; a longer run is printed in parts. */
const rangeCountMax = 10_000;

/** Registers `grep`. */
export function registerGrep(program: Command): void {
  const count = wholeNumber(0, contextCountMax);
  const command = clientCommand(program, "grep <session> <text>", "search a session, in any letter case", [
    "tailrace grep 66f0 timeout",
    "tailrace grep 66f0 'ensure failed' -B 2 -A 5",
    "tailrace grep 66f0 http --level warn --since 2h --json",
  ])
    .option("--level <level>", "only entries of this level or above", levelName)
    .option("--since <time>", "not before this time, or so long ago", timeOrAgo)
    .option("--until <time>", "not after this time, or so long ago", timeOrAgo)
    .option("-B, --before-context <count>", "entries to show before a match", count)
    .option("-A, --after-context <count>", "entries to show after a match", count)
    .option("-C, --context <count>", "entries to show on both sides", count, 0);
  run<Options, [string, string]>(command, grep);
}

/** Matches whose surroundings touch, as one range of seqs. */
interface Range {
  from: number;
  to: number;
  readonly matches: Set<number>;
}

async function grep(context: Context<Options>, sessionText: string, text: string): Promise<void> {
  const { options, signal, talk } = context;
  if (text === "") throw new UsageError("the text to search for is empty");
  const client = clientOf(context);
  const session = await resolveSession(client, sessionText, signal);
  const { level, since, until } = options;
  const before = options.beforeContext ?? options.context;
  const after = options.afterContext ?? options.context;
  const printer = new Printer(context, text, before + after > 0);
  const query = { q: text, ...(level && { level }), ...(since && { since }), ...(until && { until }) };
  let open: Range | undefined;
  const close = async () => {
    if (open === undefined) return;
    await printer.print(await entriesBetween(client, session, open.from, open.to, signal), open.matches);
    open = undefined;
  };
  for await (const page of client.readPages(session, query, { signal })) {
    if (before + after === 0) {
      await printer.print(page.entries);
      continue;
    }
    for (const { seq } of page.entries) {
      if (open !== undefined && (seq - before > open.to + 1 || seq - open.from > rangeCountMax)) await close();
      open ??= { from: Math.max(seq - before, printer.cursor + 1), to: seq, matches: new Set() };
      open.to = seq + after;
      open.matches.add(seq);
    }
  }
  await close();
  if (printer.matchCount === 0 && talk.isTerminal) await talk.line("no match");
}

class Printer {
  /** Seq of the last entry printed. */
  cursor = 0;
  matchCount = 0;
  readonly #context: Context<Options>;
  readonly #match: LineStyle;
  readonly #around: LineStyle;
  readonly #hasContext: boolean;

  constructor(context: Context<Options>, text: string, hasContext: boolean) {
    const { paint, isTerminal } = context.out;
    this.#context = context;
    this.#match = { paint, isTerminal, highlight: highlightOf(text) };
    this.#around = { paint, isTerminal };
    this.#hasContext = hasContext;
  }

  /** Prints entries in order; without `matches` all of them match. */
  async print(entries: readonly EntryObject[], matches?: ReadonlySet<number>): Promise<void> {
    const { out, options, signal } = this.#context;
    let text = "";
    for (const entry of entries) {
      if (this.#hasContext && this.cursor > 0 && entry.seq > this.cursor + 1 && !options.json)
        text += `${out.paint("dim", "--")}\n`;
      this.cursor = entry.seq;
      const isMatch = matches?.has(entry.seq) ?? true;
      if (isMatch) this.matchCount++;
      if (options.json) text += out.jsonLine(this.#hasContext ? { ...entry, match: isMatch } : entry);
      else text += `${entryLine(entry, isMatch ? this.#match : this.#around)}\n`;
    }
    if (text !== "") await out.write(text);
    signal.throwIfAborted();
  }
}
