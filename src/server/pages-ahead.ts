/**
 * Pages made ahead. Who asks for a page exactly where the one before it ended goes straight on: so the pages behind it are
 * made while this one is sent and read. Where they begin is known, for each holds its limit.
 *
 * Only pages of consecutive entries up to their limit are kept: what they say never changes. A page whose first entries
 * retention took begins elsewhere from then on, and is not found any more. What changes with each answer (head, first, more)
 * is put around the entries when they are sent.
 */
import type { Clock } from "../base/clock.ts";
import { limits } from "../config.ts";
import type { Refusal } from "../wire/outcome.ts";
import type { Page, PageFormat } from "../wire/page.ts";
import { isRefusal } from "./query-input.ts";
import type { Session } from "./session.ts";

/** A page of every entry behind `position`, up to `limit` of them. */
export interface StraightPage {
  readonly session: Session;
  readonly position: number;
  readonly limit: number;
  readonly format: PageFormat;
}

/** How pages are made and let go of. */
export interface PageMaker {
  make(wanted: StraightPage): Promise<Page | Refusal>;
  /** Makes a page that nobody waits for; undefined: it could not be made, or no thread is to spare. */
  tryMakeAhead(wanted: StraightPage): Promise<Page | undefined> | undefined;
  release(page: Page): void;
}

interface PageAhead {
  readonly page: Promise<Page | undefined>;
  /** Ends its time. */
  readonly cancelTimer: () => void;
}

export class PagesAhead {
  readonly #maker: PageMaker;
  readonly #clock: Clock;
  /** Where pages ended, the oldest first, with the page that is made ahead there. */
  readonly #ends = new Map<string, PageAhead | undefined>();
  #aheadCount = 0;

  constructor(maker: PageMaker, clock: Clock) {
    this.#maker = maker;
    this.#clock = clock;
  }

  /** Returns the page, made ahead or now. */
  async page(wanted: StraightPage): Promise<Page | Refusal> {
    const key = keyOf(wanted);
    const goesOn = this.#ends.has(key);
    const page = (await this.#take(key)) ?? (await this.#maker.make(wanted));
    if (!isRefusal(page) && isWhole(page, wanted)) this.#expect({ ...wanted, position: page.cursor }, goesOn);
    return page;
  }

  /** Returns the page that was made ahead there, if one was; it is the caller's from now on. */
  #take(key: string): Promise<Page | undefined> | undefined {
    const ahead = this.#ends.get(key);
    this.#ends.delete(key);
    if (ahead === undefined) return undefined;
    this.#aheadCount--;
    ahead.cancelTimer();
    return ahead.page;
  }

  /** Remembers where a page ended, and makes the next ones when its reader goes straight on. */
  #expect(next: StraightPage, goesOn: boolean): void {
    for (let count = 0; count < (goesOn ? limits.pageAheadDepth : 1); count++) {
      const after = { ...next, position: next.position + count * next.limit };
      const key = keyOf(after);
      // It is under way, or another reader is at the same place.
      if (this.#ends.get(key) !== undefined) continue;
      this.#ends.set(key, goesOn ? this.#tryBegin(key, after) : undefined);
    }
    while (this.#ends.size > limits.pageEndCountMax) this.#forgetOldest();
  }

  #tryBegin(key: string, next: StraightPage): PageAhead | undefined {
    if (next.session.head - next.position < next.limit || this.#aheadCount === limits.pageAheadCountMax) return undefined;
    const making = this.#maker.tryMakeAhead(next);
    if (making === undefined) return undefined;
    this.#aheadCount++;
    const page = making.then((made) => this.#wholeOnly(made, next));
    return { page, cancelTimer: this.#clock.after(limits.pageAheadMsMax, () => this.#forget(key)) };
  }

  #wholeOnly(page: Page | undefined, wanted: StraightPage): Page | undefined {
    if (page === undefined || isWhole(page, wanted)) return page;
    this.#maker.release(page);
    return undefined;
  }

  #forgetOldest(): void {
    for (const key of this.#ends.keys()) return this.#forget(key);
  }

  /** Nobody will ask there. */
  #forget(key: string): void {
    void this.#take(key)?.then((page) => page !== undefined && this.#maker.release(page));
  }
}

/** Slots are of one session only, also when another one gets its id. */
function keyOf({ session, position, limit, format }: StraightPage): string {
  return `${session.slot} ${position} ${limit} ${format}`;
}

/** Everything that was asked for is in it, one entry behind the other. */
function isWhole(page: Page, wanted: StraightPage): boolean {
  return page.gap === undefined && page.count === wanted.limit && page.cursor === wanted.position + wanted.limit;
}
