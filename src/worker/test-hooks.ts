/** Lets a test kill the thread in the middle of a job. Only wired in when the server runs with --test-hooks. */
import { textOf } from "../base/bytes.ts";
import type { EntryColumns } from "../record/columns.hot.ts";

/**
 * Ends the thread when the block being made has an entry of logger `tailrace.test.die.<stage>`; a second attempt of the same
 * job survives unless the logger ends in `.always`.
 */
export function deathHook(stage: "encoded" | "appended", columns: EntryColumns, attempt: number): void {
  for (let index = 1; index <= columns.loggers.count; index++) {
    const name = textOf(columns.loggers.bytes.bytes, columns.loggers.start(index), columns.loggers.end(index));
    const wanted = `tailrace.test.die.${stage}`;
    if (name === `${wanted}.always` || (name === wanted && attempt === 1)) process.exit(70);
  }
}
