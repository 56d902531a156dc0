/** A client that sends batches one after the other, and notes what became of each. */
import type { AppendAnswer } from "#src/wire/api.ts";
import type { History, SentBatch } from "./history.ts";
import type { HttpAnswer } from "./http.ts";
import type { Random } from "./random.ts";
import type { TestServer } from "./server.ts";

export interface ProducerOptions {
  readonly name: string;
  readonly session: string;
  readonly history: History;
  readonly random: Random;
  readonly countMax: number;
  /** Batches carry keys and are sent again until they are acknowledged. */
  readonly isKeyed?: boolean;
  readonly ack?: "written" | "synced";
  /** Bytes behind each message, so that blocks get large. */
  readonly padding?: number;
}

/** A batch with its body and the sequence of its key. */
interface NumberedBatch {
  readonly batch: SentBatch;
  readonly body: string;
  readonly sequence: number;
}

export class Producer {
  readonly #options: ProducerOptions;
  #sentCount = 0;
  #sequence = 0;
  /** A keyed batch that is not acknowledged yet. */
  #pending: NumberedBatch | undefined;
  acknowledgedCount = 0;

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  get sentCount(): number {
    return this.#sentCount;
  }

  /** Sends batches until `entryCount` entries were sent in all, or until one is not acknowledged. Returns whether all were. */
  async send(server: TestServer, entryCount: number, stops: () => boolean = () => false): Promise<boolean> {
    while ((this.#sentCount < entryCount || this.#pending !== undefined) && !stops()) {
      if (!(await this.sendOne(server))) return false;
    }
    return true;
  }

  /** Sends the next batch, or the one that waits for its acknowledgement. Returns whether it was acknowledged. */
  async sendOne(server: TestServer): Promise<boolean> {
    const { session, ack = "written", name } = this.#options;
    const next = this.#pending ?? this.#make();
    const { batch, body, sequence } = next;
    const headers = {
      "content-type": "application/x-ndjson",
      ...(batch.isKeyed ? { "idempotency-key": `${name}:${sequence}` } : {}),
    };
    let answer: HttpAnswer;
    try {
      answer = await server.call("POST", `/sessions/${session}/log?ack=${ack}`, { body, headers });
    } catch {
      // The connection broke: it may be stored or not. With a key the same batch goes again.
      batch.outcome = batch.isKeyed ? "waiting" : "unknown";
      this.#pending = batch.isKeyed ? next : undefined;
      return false;
    }
    this.#note(next, answer);
    return answer.status === 200;
  }

  #make(): NumberedBatch {
    const { name, history, random, countMax, isKeyed = false, padding = 0 } = this.#options;
    const count = random.whole(1, countMax);
    const from = this.#sentCount + 1;
    this.#sentCount += count;
    const batch = history.add({ producer: name, from, count, isKeyed });
    const tail = padding > 0 ? `,"fields":{"padding":"${"x".repeat(random.whole(0, padding))}"}` : "";
    let body = "";
    for (let number = from; number < from + count; number++) body += `{"message":"${name} ${number}","level":"info"${tail}}\n`;
    return { batch, body, sequence: ++this.#sequence };
  }

  #note(next: NumberedBatch, answer: HttpAnswer): void {
    const { batch } = next;
    this.#pending = undefined;
    if (answer.status === 200) {
      batch.outcome = "acknowledged";
      batch.first = answer.json<AppendAnswer>().first ?? 0;
      this.acknowledgedCount += batch.count;
    } else if (batch.isKeyed) {
      this.#pending = next;
    } else {
      // Written but not known to be synced: the one refusal that may leave a batch behind.
      batch.outcome = answer.status === 503 && this.#options.ack === "synced" ? "unknown" : "refused";
    }
  }
}
