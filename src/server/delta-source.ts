/** Makes deltas: from the ring at once, from file by a query thread; what several followers want is made once. */
import { assert } from "../base/assert.ts";
import { limits } from "../config.ts";
import { BlockView } from "../record/scan.hot.ts";
import { type Delta, DeltaBuilder, type DeltaForm } from "../wire/delta.ts";
import type { PageGap } from "../wire/page.ts";
import type { Engine } from "./engine.ts";
import { isRefusal } from "./query-input.ts";
import type { ReadFilter } from "./read-input.ts";
import type { Reads } from "./reads.ts";
import type { Session } from "./session.ts";

/** What a query thread found behind a cursor: entries, or first a gap. */
export interface FileDelta {
  readonly delta: Delta | undefined;
  readonly gap: PageGap | undefined;
}

export class DeltaSource {
  readonly #engine: Engine;
  readonly #reads: Reads;
  readonly #builder = new DeltaBuilder();
  readonly #view = new BlockView();
  /** Deltas never change, so one that was made for a cursor serves all who are there. */
  readonly #made = new Map<string, Delta>();
  #madeSizeBytes = 0;
  readonly #reading = new Map<string, Promise<FileDelta>>();

  constructor(engine: Engine, reads: Reads) {
    this.#engine = engine;
    this.#reads = reads;
  }

  /** Returns the entries behind `cursor`, which are resident, as many as one delta holds. */
  fromRing(session: Session, cursor: number, filter: ReadFilter, form: DeltaForm): Delta {
    assert(cursor < session.head && cursor + 1 >= session.residentFirst, "the entries are in memory");
    const key = keyOf(session, cursor, filter, form);
    const made = this.#made.get(key);
    if (made !== undefined) return made;
    const { ring } = this.#engine.shardOf(session);
    this.#builder.begin(form, cursor, filter.filter.isEmpty ? undefined : filter.filter);
    session.visitResident(cursor, (block) => this.#builder.add(this.#view.openBlock(ring.bytes, ring.offsetOf(block.position))));
    const delta = this.#builder.finish();
    this.#keep(key, delta);
    return delta;
  }

  /** Reads the entries behind `cursor` from file. Rejects when that fails. */
  fromFile(session: Session, cursor: number, filter: ReadFilter, form: DeltaForm): Promise<FileDelta> {
    const key = keyOf(session, cursor, filter, form);
    const made = this.#made.get(key);
    if (made !== undefined) return Promise.resolve({ delta: made, gap: undefined });
    const running = this.#reading.get(key);
    if (running !== undefined) return running;
    const reading = this.#read(session, cursor, filter, form, key).finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }

  async #read(session: Session, cursor: number, filter: ReadFilter, form: DeltaForm, key: string): Promise<FileDelta> {
    const found = await this.#reads.runOnFiles<FileDelta>(session, "delta", { cursor, spec: filter.spec, form });
    if (isRefusal(found)) throw new Error(found.message);
    if (found.delta !== undefined) this.#keep(key, found.delta);
    return found;
  }

  /** Forgets everything when it is too much: followers move on together, so old deltas are worth little. */
  #keep(key: string, delta: Delta): void {
    if (this.#madeSizeBytes + delta.sizeBytes > limits.deltaCacheSizeBytesMax || this.#made.size >= limits.deltaCacheCountMax) {
      this.#made.clear();
      this.#madeSizeBytes = 0;
    }
    this.#made.set(key, delta);
    this.#madeSizeBytes += delta.sizeBytes;
  }
}

function keyOf(session: Session, cursor: number, filter: ReadFilter, form: DeltaForm): string {
  return `${session.slot}:${cursor}:${form}:${filter.filter.key}`;
}
