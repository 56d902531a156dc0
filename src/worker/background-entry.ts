/** What a background thread runs: the pool calls these functions by name. Intake and reads go before it. */
import { constants, platform, setPriority } from "node:os";
import { workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { systemFiles } from "../storage/files.ts";
import { backgroundTasks } from "./background.ts";

const { dataDir } = workerData as { readonly dataDir: string };

// On Linux this is about the calling thread alone, elsewhere about the whole process.
if (platform() === "linux") setPriority(0, constants.priority.PRIORITY_LOW);

export const { archive, restore, drop, trash, sweep } = backgroundTasks(systemFiles, dataDir, systemClock);
