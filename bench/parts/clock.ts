/** One clock for all processes of a machine. */

/** Returns monotonic milliseconds, with fraction, that two processes can compare. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
