/** Our own log: pino to stderr and, line by line, to whoever keeps it (the server's own session). */
import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Takes one NDJSON line of our own log, line end included. */
export type LogLineSink = (line: string) => void;

/**
 * Makes the log of a process. Lines go to stderr and to `sink`.
 * @param level pino's level name; `silent` for none.
 */
export function createLog(level: string, sink: LogLineSink): Logger {
  // Whoever read our log may be gone: that costs lines, not the process.
  process.stderr.on("error", () => {});
  const stream = {
    write(line: string) {
      process.stderr.write(line);
      sink(line);
    },
  };
  return pino({ level, base: null, name: "tailrace" }, stream);
}
