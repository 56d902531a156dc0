/** The demo: real logs go in, are followed live, come back, and are compared with what was sent. */
import { systemClock } from "../../base/clock.ts";
import { newClientSessionId, TailraceClient } from "../../client/client.ts";
import { follow } from "../../client/follow.ts";
import { SessionWriter } from "../../client/session-writer.ts";
import { openNodeSocket } from "../node-socket.ts";
import type { Source } from "./sources.ts";

/** How one source fared. */
export interface SourceResult {
  readonly name: string;
  readonly session: string;
  readonly entries: number;
  readonly bytes: number;
  readonly ms: number;
  readonly entries_per_second: number;
  /** Absent when everything came back as it was sent. */
  readonly difference?: string;
}

export interface DemoResult {
  readonly sources: readonly SourceResult[];
  readonly ms: number;
  readonly entries: number;
  readonly entries_per_second: number;
  /** What the live follower saw of the first source. */
  readonly followed: { readonly session: string; readonly entries: number; readonly difference?: string };
}

/** Large enough that the way there and back counts for little. */
const batchCountMax = 4000;

/** Sends all sources to the server at `url` in parallel and compares what comes back. */
export async function runDemo(
  url: string,
  sources: readonly Source[],
  onProgress: (done: number, total: number) => void,
  outerSignal: AbortSignal,
): Promise<DemoResult> {
  // Whatever fails stops the follower too.
  const failure = new AbortController();
  const signal = AbortSignal.any([outerSignal, failure.signal]);
  try {
    return await sendAndCompare(url, sources, onProgress, signal);
  } catch (error) {
    failure.abort(error);
    throw error;
  }
}

async function sendAndCompare(
  url: string,
  sources: readonly Source[],
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<DemoResult> {
  const client = new TailraceClient({ url });
  const sessions = await Promise.all(sources.map((source) => openSession(client, source)));
  const total = sources.reduce((sum, source) => sum + source.count, 0);
  const live = followLive(client, sessions[0] as string, sources[0] as Source, signal);
  live.catch(() => {}); // It is awaited below; until then its failure is not unhandled.
  let done = 0;
  const startMs = systemClock.monotonicMs();
  const times = await Promise.all(
    sources.map(async (source, index) => {
      const onAcknowledged = ({ count }: { count: number }) => {
        done += count;
        onProgress(done, total);
      };
      const writer = new SessionWriter({ client, session: sessions[index] as string, batchCountMax, onAcknowledged });
      await source.send(writer, signal);
      writer.stop();
      return systemClock.monotonicMs() - startMs;
    }),
  );
  const ms = systemClock.monotonicMs() - startMs;
  const results: SourceResult[] = [];
  for (const [index, source] of sources.entries()) {
    const session = sessions[index] as string;
    const difference = await compare(client, session, source, signal);
    results.push({ ...resultOf(source, session, times[index] ?? 0), ...(difference !== undefined && { difference }) });
    await client.endSession(session, { signal });
  }
  return { sources: results, ms, entries: total, entries_per_second: perSecond(total, ms), followed: await live };
}

async function openSession(client: TailraceClient, source: Source): Promise<string> {
  const id = newClientSessionId();
  await client.openSession(id, { appname: "demo", mode: source.name });
  return id;
}

function resultOf(source: Source, session: string, ms: number): SourceResult {
  const { name, count, sizeBytes } = source;
  return { name, session, entries: count, bytes: sizeBytes, ms, entries_per_second: perSecond(count, ms) };
}

function perSecond(count: number, ms: number): number {
  return ms === 0 ? 0 : Math.round((count / ms) * 1000);
}

/** Reads a session from its oldest entry on; returns the first difference from what was sent. */
async function compare(
  client: TailraceClient,
  session: string,
  source: Source,
  signal: AbortSignal,
): Promise<string | undefined> {
  const check = await startCheck(source);
  for await (const page of client.readPages(session, {}, { signal })) {
    for (const entry of page.entries) {
      const difference = await check(entry);
      if (difference !== undefined) return difference;
    }
  }
  return check();
}

type Check = (entry?: Parameters<Awaited<ReturnType<Source["checker"]>>["next"]>[0]) => Promise<string | undefined>;

/** Returns a function that takes the entries in order, and without an entry says whether any is missing. */
async function startCheck(source: Source): Promise<Check> {
  const checker = source.checker();
  await checker.next();
  let count = 0;
  return async (entry) => {
    if (entry === undefined) return count === source.count ? undefined : `${count} of ${source.count} entries came back`;
    count++;
    if (count > source.count) return `entry ${entry.seq} was never sent`;
    if (entry.seq !== count) return `entry ${entry.seq} came where ${count} was due`;
    const { value } = await checker.next(entry);
    return value === undefined ? undefined : value;
  };
}

/** Follows a session while it is written, until it ends. */
async function followLive(
  client: TailraceClient,
  session: string,
  source: Source,
  signal: AbortSignal,
): Promise<DemoResult["followed"]> {
  const check = await startCheck(source);
  let entries = 0;
  let difference: string | undefined;
  for await (const event of follow(client, { session, cursor: 0, openSocket: openNodeSocket, signal })) {
    if (event.type === "gap") difference ??= `entries ${event.gap.from} to ${event.gap.to} are missing`;
    if (event.type === "gone") difference ??= "the server went away";
    if (event.type !== "entries") continue;
    for (const entry of event.entries) {
      // The server's own last word follows what was sent.
      if (entries === source.count && entry.logger === "sessions") continue;
      entries++;
      difference ??= await check(entry);
    }
  }
  difference ??= await check();
  return { session, entries, ...(difference !== undefined && { difference }) };
}
