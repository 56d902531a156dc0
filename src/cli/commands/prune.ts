/** `tailrace prune`: applies the server's retention now. */
import type { Command } from "commander";
import { type ClientOptions, type Context, clientCommand, clientOf, run } from "../command.ts";
import { countText, sizeText } from "../format.ts";

interface Options extends ClientOptions {
  dryRun?: boolean;
}

/** Registers `prune`. */
export function registerPrune(program: Command): void {
  const command = clientCommand(program, "prune", "remove ended sessions that retention no longer keeps", [
    "tailrace prune --dry-run",
    "tailrace prune",
  ]).option("--dry-run", "only say what would be removed");
  run<Options, []>(command, prune);
}

async function prune(context: Context<Options>): Promise<void> {
  const { out, options, signal } = context;
  const isDry = options.dryRun === true;
  const summary = await clientOf(context).prune(isDry ? { dry_run: true } : {}, { signal });
  if (options.json) return out.json(summary);
  const { expired_by_age: age, expired_by_count: count, expired_by_bytes: bytes } = summary;
  const total = age + count + bytes;
  const reasons = total === 0 ? "" : ` (${age} by age, ${count} by count, ${bytes} by size)`;
  const sessions = `${countText(total)} session${total === 1 ? "" : "s"}${reasons}, ${sizeText(summary.bytes)}`;
  await out.line(isDry ? `would remove ${sessions}` : `removed ${sessions}`);
}
