/** `tailrace verify`: checks every session file of a data directory, without a server. */
import { existsSync } from "node:fs";
import { Argument, type Command } from "commander";
import { systemClock } from "../../base/clock.ts";
import { addExamples, CommandError, type Context, configOption, configured, run } from "../command.ts";
import { countText, durationText, sizeText } from "../format.ts";
import { startProgress } from "../progress.ts";
import { visible } from "../terminal.ts";

interface Options {
  json?: boolean;
}

const dataDirDefault = "./tailrace-data";

/** Registers `verify`. */
export function registerVerify(program: Command): void {
  const command = addExamples(
    program.command("verify").description("check every session file of a data directory, without a server"),
    ["tailrace verify", "tailrace verify /var/lib/tailrace --json"],
  )
    .addArgument(new Argument("[data-dir]", `default: TAILRACE_DATA_DIR, the settings file, ${dataDirDefault}`))
    .addOption(configOption())
    .option("--json", "print JSON");
  // The check holds the thread until it is done, so Ctrl-C ends the process as the system does by itself.
  run<Options, [string | undefined]>(command, verify, { catchesInterrupt: false });
}

async function verify(context: Context<Options>, given: string | undefined): Promise<void> {
  const { out, talk, options } = context;
  const dataDir = given ?? configured(context, "dataDir") ?? dataDirDefault;
  const { verifyDataDirectory } = await import("../../storage/verify.ts");
  const { systemFiles } = await import("../../storage/files.ts");
  if (!existsSync(dataDir)) throw new CommandError(`there is no data directory ${dataDir}`);
  const startMs = systemClock.monotonicMs();
  const progress = await startProgress(talk, "verify", "bytes");
  const report = verifyDataDirectory(systemFiles, dataDir, (done, total) => progress.update(done, total));
  progress.stop();
  const { findings, notes, sessionCount, segmentCount, blockCount, entryCount, sizeBytes } = report;
  const counts = { sessions: sessionCount, segments: segmentCount, blocks: blockCount, entries: entryCount, bytes: sizeBytes };
  if (options.json) await out.json({ data_dir: dataDir, damaged: findings.length > 0, ...counts, findings, notes });
  else {
    for (const finding of findings) await out.line(`${out.paint("red", "damaged")} ${visible(finding)}`);
    for (const note of notes) await out.line(`${out.paint("dim", "note")} ${visible(note)}`);
    const time = durationText(systemClock.monotonicMs() - startMs);
    await out.line(
      `${countText(sessionCount)} sessions, ${countText(segmentCount)} segments, ${countText(blockCount)} blocks, ` +
        `${countText(entryCount)} entries, ${sizeText(sizeBytes)} checked in ${time}`,
    );
  }
  if (findings.length > 0)
    throw new CommandError(`${countText(findings.length)} ${findings.length === 1 ? "place is" : "places are"} damaged`);
}
