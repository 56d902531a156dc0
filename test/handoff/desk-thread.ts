/** A worker at a desk: answers each job with the sum of its items and what its letter said. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { Order } from "#src/handoff/job.ts";
import { JobDesk } from "#src/handoff/job-desk.ts";

const { buffer, after } = workerData as { readonly buffer: SharedArrayBuffer; readonly after: number };
const desk = new JobDesk(buffer);
const port = parentPort as unknown as MessagePort;
// As in a pool, something keeps the thread alive while it waits without blocking.
const alive = setInterval(() => {}, 60_000);
let done = after;
let letter: { adoptions: []; keys: readonly string[]; documents: [] } | undefined;
for (let round = 0; ; round++) {
  const { rings } = desk;
  const { posted } = desk;
  const order = receiveMessageOnPort(port)?.message as Order<never, never> | undefined;
  if (order?.kind === "stop") break;
  if (order?.kind === "letter") letter = order.letter as typeof letter;
  if (posted !== done) {
    const { itemCount, items, outcomes, keys } = desk.take(posted, letter);
    letter = undefined;
    done = posted;
    outcomes[0] = keys.length;
    for (let index = 0; index < itemCount; index++) outcomes[0] += items[index] as number;
    desk.finish({ blockCount: posted, cost: { busyMs: 1, malformedCount: 2, cacheMissCount: 3, truncatedCount: 4 } });
    port.postMessage(posted);
  } else if (order !== undefined) continue;
  else if (round % 3 === 0) await desk.rung(rings);
  else desk.sleep(rings);
}
clearInterval(alive);
