/** A thread that dies while it starts as long as it is told to, and otherwise does what it is asked. */
import { workerData } from "node:worker_threads";

const { orders } = workerData as { readonly orders: SharedArrayBuffer };
if (new Int32Array(orders)[0] === 1) throw new Error("this thread can not start");

/** Answers. */
export function answer(task: string): string {
  return `${task} done`;
}

/** Dies. */
export function die(): void {
  process.exit(70);
}
