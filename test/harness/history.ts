/**
 * What was sent, what was answered, what is stored: acknowledged ⊆ stored ⊆ sent, nothing twice, seqs without holes, batches
 * whole, the order of each producer kept.
 */
import assert from "node:assert/strict";
import type { EntryObject } from "#src/wire/api.ts";

/** A batch as its sender knows it. Its entries are `<producer> <number>`, numbered through all batches of the producer. */
export interface SentBatch {
  readonly producer: string;
  /** Number of its first entry, from 1. */
  readonly from: number;
  readonly count: number;
  /** A batch with a key is sent again until it is acknowledged. */
  readonly isKeyed: boolean;
  outcome: "waiting" | "acknowledged" | "refused" | "unknown";
  /** Seq of its first entry, once acknowledged. */
  first: number;
}

/** Everything that was sent to one session. */
export class History {
  readonly batches: SentBatch[] = [];
  /** How many batches without an answer were found stored, or not. */
  storedUnknown = 0;
  lostUnknown = 0;

  add(batch: Omit<SentBatch, "outcome" | "first">): SentBatch {
    const sent: SentBatch = { ...batch, outcome: "waiting", first: 0 };
    this.batches.push(sent);
    return sent;
  }

  /** Checks the stored entries, all of them from seq 1 on. Entries of logger `sessions` are the server's own. */
  check(stored: readonly EntryObject[], what: string): void {
    for (const [index, entry] of stored.entries()) assert.equal(entry.seq, index + 1, `${what}: a hole in the seqs`);
    const seqsOf = this.#seqsByProducer(stored, what);
    this.storedUnknown = 0;
    this.lostUnknown = 0;
    for (const batch of this.batches) this.#checkBatch(batch, seqsOf.get(batch.producer) ?? new Map(), what);
  }

  #seqsByProducer(stored: readonly EntryObject[], what: string): Map<string, Map<number, number>> {
    const seqsOf = new Map<string, Map<number, number>>();
    const lastOf = new Map<string, number>();
    for (const { seq, message, logger } of stored) {
      if (logger === "sessions") continue;
      const space = message.indexOf(" ");
      const producer = message.slice(0, space);
      const number = Number(message.slice(space + 1));
      const seqs = seqsOf.get(producer) ?? new Map<number, number>();
      seqsOf.set(producer, seqs);
      assert.ok(!seqs.has(number), `${what}: "${message}" is stored at ${seqs.get(number)} and at ${seq}`);
      assert.ok(number > (lastOf.get(producer) ?? 0), `${what}: "${message}" at ${seq} is out of order`);
      lastOf.set(producer, number);
      seqs.set(number, seq);
    }
    const sentUpTo = new Map<string, number>();
    for (const { producer, from, count } of this.batches) sentUpTo.set(producer, from + count - 1);
    for (const [producer, last] of lastOf)
      assert.ok(last <= (sentUpTo.get(producer) ?? 0), `${what}: "${producer} ${last}" was never sent`);
    return seqsOf;
  }

  #checkBatch(batch: SentBatch, seqs: ReadonlyMap<number, number>, what: string): void {
    const { producer, from, count, outcome } = batch;
    const name = `${what}: batch ${producer} ${from}…${from + count - 1} (${outcome})`;
    const first = seqs.get(from);
    for (let index = 0; index < count; index++) {
      const seq = seqs.get(from + index);
      if (first === undefined) assert.equal(seq, undefined, `${name} is stored in part`);
      else assert.equal(seq, first + index, `${name} is not in one piece`);
    }
    if (outcome === "acknowledged") assert.equal(first, batch.first, `${name} was acknowledged at ${batch.first}`);
    if (outcome === "refused") assert.equal(first, undefined, `${name} was refused and is stored`);
    if (outcome !== "unknown" && outcome !== "waiting") return;
    if (first === undefined) this.lostUnknown++;
    else this.storedUnknown++;
  }
}
