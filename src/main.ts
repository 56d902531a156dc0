#!/usr/bin/env node
/** Entry of the program `tailrace`. */
import { runProgram } from "./cli/program.ts";

// Ended here and not by an empty event loop: a connection that is being closed must not hold the prompt back.
process.exit(await runProgram(process.argv));
