/** A progress bar on standard error, on a terminal only. */
import type { SingleBar } from "cli-progress";
import type { Output } from "./output.ts";

export interface Progress {
  /** Sets how much is done of how much; both may grow. */
  update(done: number, total: number): void;
  stop(): void;
}

/** Shows nothing. */
export const noProgress: Progress = { update: () => {}, stop: () => {} };

/** Starts a bar that reads `<label> ███░░ 42 % …`; silent where `talk` is no terminal. */
export async function startProgress(talk: Output, label: string, unit: string): Promise<Progress> {
  if (!talk.isTerminal) return noProgress;
  const { default: cliProgress } = await import("cli-progress");
  const bar: SingleBar = new cliProgress.SingleBar(
    {
      format: `${label} {bar} {percentage} % | {value} of {total} ${unit} | {duration_formatted}`,
      stream: talk.stream,
      barsize: 30,
      clearOnComplete: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(1, 0);
  let isRunning = true;
  return {
    update: (done, total) => {
      if (!isRunning) return;
      bar.setTotal(Math.max(1, total));
      bar.update(done);
    },
    stop: () => {
      if (isRunning) bar.stop();
      isRunning = false;
    },
  };
}
