/** `tailrace serve`: starts the server. */
import type { Command } from "commander";

/** Registers `serve`. */
export function registerServe(program: Command): void {
  program.command("serve").description("start the server");
}
