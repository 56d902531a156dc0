/** Reads of a log: small pages of what is in memory are made here, all others by a thread that reads the files. */
import type { OwnedBytes } from "../base/bytes.ts";
import { limits } from "../config.ts";
import { compileFilter } from "../record/filter.hot.ts";
import { BlockView } from "../record/scan.hot.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { type Page, PageBuilder, type PageFormat, type PageGap } from "../wire/page.ts";
import type { Engine } from "./engine.ts";
import { sessionNotFound } from "./intake.ts";
import { PageMemory } from "./page-memory.ts";
import { type PageMaker, PagesAhead, type StraightPage } from "./pages-ahead.ts";
import { isRefusal } from "./query-input.ts";
import type { ReadFilter, ReadQuery } from "./read-input.ts";
import type { Session } from "./session.ts";

/** A page as the query threads are asked for it, beside the session. */
export interface PageTask {
  readonly direction: "after" | "before";
  readonly position: number;
  readonly limit: number;
  readonly spec: ReadFilter["spec"];
  readonly format: PageFormat;
  /** Where it goes: handed over with the task, and comes back with the page. */
  readonly memory: OwnedBytes;
}

/** Where a page begins and how much it holds, now that the session is looked at. */
interface PageRange {
  readonly direction: "after" | "before";
  readonly position: number;
  readonly limit: number;
  /** Entries behind the asked cursor that retention removed. */
  readonly gap: PageGap | undefined;
}

/** Entries of a page that the main thread makes itself: about a millisecond of its time. */
const ringPageEntryCountMax = 2000;

export class Reads implements PageMaker {
  readonly #engine: Engine;
  readonly #builder = new PageBuilder();
  readonly #view = new BlockView();
  readonly #memory = new PageMemory();
  readonly #ahead: PagesAhead;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#ahead = new PagesAhead(this, engine.clock);
  }

  /** Returns the page that `query` asks for; its entries are the caller's until they are released. */
  async page(session: Session, query: ReadQuery): Promise<Page | Refusal> {
    const range = rangeOf(session, query);
    const page = await this.#pageOf(session, range, query.filter, query.format);
    if (isRefusal(page) || range.gap === undefined) return page;
    const { gap = range.gap } = page;
    // More of the oldest went while they were read, or are damaged.
    if (gap.from <= range.gap.to + 1) return { ...page, gap: { from: range.gap.from, to: gap.to } };
    // A page tells of one gap: the other is the next one's.
    this.release(page);
    const first = await this.#pageOf(session, { ...range, limit: 0 }, query.filter, query.format);
    return isRefusal(first) ? first : { ...first, gap: range.gap };
  }

  /** Takes the memory of a page back: nobody looks at its entries any more. */
  release(page: Page): void {
    this.#memory.give(page.entries.buffer);
  }

  /** Returns up to `limit` entries behind `cursor` as items of a JSON array. */
  async entriesAfter(
    session: Session,
    cursor: number,
    limit: number,
  ): Promise<{ entries: string; count: number; cursor: number } | Refusal> {
    const position = Math.max(cursor, session.first - 1);
    const range = { direction: "after", position, limit, gap: undefined } as const;
    const page = await this.#pageOf(session, range, noFilter, "json");
    if (isRefusal(page)) return page;
    const { buffer, byteOffset, byteLength } = page.entries;
    const entries = Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
    this.release(page);
    return { entries, count: page.count, cursor: page.cursor };
  }

  /** Runs a task of the query threads, once more when the session's files changed hands under it. */
  runOnFiles<Result>(session: Session, name: string, task: object): Promise<Result | Refusal> {
    return this.#runOnFiles(session, name, () => task);
  }

  /** @param taskOf makes the task of one try; its memory moves to the thread. */
  async #runOnFiles<Result>(
    session: Session,
    name: string,
    taskOf: () => { readonly memory?: OwnedBytes },
  ): Promise<Result | Refusal> {
    if (this.#engine.query.waitingCount >= limits.queryWaitingCountMax) return queriesFullRefusal;
    for (let attempt = 1; ; attempt++) {
      const { segments } = session;
      const found = await this.#tryOnFiles<Result>(session, name, taskOf());
      if (!(found instanceof Error) && !isRefusal(found)) return found;
      if (session.isRemoved) return sessionNotFound(session.id);
      if (attempt < 3 && segments !== session.segments) continue;
      this.#engine.log.error({ err: found, session: session.id, task: name }, "A read failed");
      if (isRefusal(found)) return found;
      return refuse("storage_unavailable", `The session's files could not be read: ${found.message}`, { retryAfterSeconds: 1 });
    }
  }

  #tryOnFiles<Result>(
    { id, segments }: Session,
    name: string,
    task: { readonly memory?: OwnedBytes },
  ): Promise<Result | Refusal | Error> {
    const moved = task.memory === undefined ? [] : [task.memory.buffer];
    return this.#engine.query
      .run<Result | Refusal>(name, { ...task, id, segments }, moved)
      .catch((error: unknown) => error as Error);
  }

  async #pageOf(session: Session, range: PageRange, filter: ReadFilter, format: PageFormat): Promise<Page | Refusal> {
    if (isSmallAndResident(session, range, filter)) return this.#fromRing(session, range, filter, format);
    const { direction, position, limit } = range;
    if (direction === "after" && limit > 0 && filter.filter.isEmpty)
      return this.#ahead.page({ session, position, limit, format });
    return this.#fromFiles(session, { direction, position, limit, spec: filter.spec, format });
  }

  /** Makes a page of every entry behind a position, from the files. */
  make({ session, ...wanted }: StraightPage): Promise<Page | Refusal> {
    return this.#fromFiles(session, { ...wanted, direction: "after", spec: {} });
  }

  /** Makes such a page if that delays nobody: a thread must stay free for who asks next. */
  tryMakeAhead({ session, ...wanted }: StraightPage): Promise<Page | undefined> | undefined {
    if (this.#engine.query.freeCount < 2) return undefined;
    // Whatever is wrong, who asks for the page is told.
    const making = this.#tryOnFiles<Page>(session, "page", this.#taskOf({ ...wanted, direction: "after", spec: {} }));
    return making.then((page) => (page instanceof Error || isRefusal(page) ? undefined : page));
  }

  #fromFiles(session: Session, wanted: Omit<PageTask, "memory">): Promise<Page | Refusal> {
    return this.#runOnFiles<Page>(session, "page", () => this.#taskOf(wanted));
  }

  #taskOf(wanted: Omit<PageTask, "memory">): PageTask {
    return { ...wanted, memory: this.#memory.take() };
  }

  #fromRing(session: Session, range: PageRange, filter: ReadFilter, format: PageFormat): Page {
    const builder = this.#builder;
    const { ring } = this.#engine.shardOf(session);
    const chosen = filter.filter.isEmpty ? undefined : filter.filter;
    builder.begin({ ...range, filter: chosen, format }, this.#memory.take());
    if (!builder.isFull) {
      session.visitResident(range.position, (block) =>
        builder.addBlock(this.#view.openBlock(ring.bytes, ring.offsetOf(block.position))),
      );
    }
    return builder.finish();
  }
}

/** Chooses every entry. */
export const noFilter: ReadFilter = { spec: {}, filter: compileFilter({}) };

const queriesFullRefusal = refuse("overloaded", "Too many reads wait for a thread: try again in a moment.", {
  retryAfterSeconds: 1,
});

/** Text search costs time per byte, so it never runs on the main thread. */
function isSmallAndResident(session: Session, range: PageRange, filter: ReadFilter): boolean {
  if (range.direction !== "after" || range.position + 1 < session.residentFirst) return false;
  if (range.position >= session.head) return true;
  if (filter.filter.isEmpty)
    return range.limit <= ringPageEntryCountMax || session.head - range.position <= ringPageEntryCountMax;
  return filter.spec.q === undefined && session.head - range.position <= ringPageEntryCountMax;
}

/** Without a filter the last entries before a seq are known by number, and everything is read forward. */
function rangeOf(session: Session, { start, limit, filter }: ReadQuery): PageRange {
  const oldest = session.first - 1;
  if (start.kind === "cursor") {
    const gap = start.cursor < oldest ? { from: start.cursor + 1, to: oldest } : undefined;
    return { direction: "after", position: Math.max(start.cursor, oldest), limit, gap };
  }
  if (start.kind === "offset") {
    // Behind the head nothing was looked at: a cursor from there must not jump over what is still to come.
    const position = Math.min(oldest + start.offset, Math.max(oldest, session.head));
    return { direction: "after", position, limit, gap: undefined };
  }
  const before = start.kind === "tail" ? session.head + 1 : Math.min(start.before, session.head + 1);
  if (!filter.filter.isEmpty) return { direction: "before", position: before, limit, gap: undefined };
  const position = Math.max(oldest, before - 1 - limit);
  return { direction: "after", position, limit: Math.max(0, before - 1 - position), gap: undefined };
}
