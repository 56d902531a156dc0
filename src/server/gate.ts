/** Whether intake is open; the first reason that closes it is what `/readyz` says. */
import { type Refusal, refuse } from "../wire/outcome.ts";

export class Gate {
  #starting = true;
  #stopping = false;
  #storageTrouble: string | undefined;
  #workerTrouble: string | undefined;
  #diskLow: Refusal | undefined;

  /** Why a batch is refused before it is looked at; undefined: it is taken. */
  get intakeRefusal(): Refusal | undefined {
    if (this.#stopping) return stoppingRefusal;
    if (this.#starting) return startingRefusal;
    return this.#diskLow;
  }

  /** Why the server is not ready; undefined: it is. */
  get notReadyReason(): string | undefined {
    return this.intakeRefusal?.message ?? this.#storageTrouble ?? this.#workerTrouble;
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  get hasStorageTrouble(): boolean {
    return this.#storageTrouble !== undefined;
  }

  open(): void {
    this.#starting = false;
  }

  stop(): void {
    this.#stopping = true;
  }

  setStorageTrouble(reason: string | undefined): void {
    this.#storageTrouble = reason;
  }

  setWorkerTrouble(reason: string): void {
    this.#workerTrouble = reason;
  }

  setDiskLow(reason: string | undefined): void {
    this.#diskLow = reason === undefined ? undefined : refuse("disk_low", reason, { retryAfterSeconds: 5 });
  }
}

const stoppingRefusal = refuse("shutting_down", "The server is stopping: send the batch to its successor.", {
  retryAfterSeconds: 5,
});
const startingRefusal = refuse("shutting_down", "The server is starting: try again in a moment.", { retryAfterSeconds: 1 });
