#!/usr/bin/env node
/** Entry of the program `tailrace`. */
import { runProgram } from "./cli/program.ts";

process.exitCode = await runProgram(process.argv);
