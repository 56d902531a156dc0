/** Counts over time of one session, as `GET /sessions/{id}/stats` gives them. */
import type { TailraceClient } from "../../client/client.ts";
import { TailraceError } from "../../client/errors.ts";
import { queryOf } from "../../client/http.ts";
import type { LevelName } from "../../record/levels.ts";
import type { FilterInput } from "../../wire/api.ts";

export interface LogStats {
  /** Start of the first bucket and end of the last one. */
  readonly from: string;
  readonly to: string;
  readonly bucket_ms: number;
  /** Entries per bucket; `none` are those without a level. */
  readonly levels: Readonly<Partial<Record<LevelName | "none", readonly number[]>>>;
  readonly loggers: readonly { readonly logger: string; readonly count: number }[];
  /** Entries that match. */
  readonly total: number;
}

/** Returns the counts, or undefined when the server has no such call. */
export async function readStats(
  client: TailraceClient,
  session: string,
  query: FilterInput & { buckets: number },
  signal?: AbortSignal,
): Promise<LogStats | undefined> {
  try {
    return await client.http.sendForJson<LogStats>({ path: `/sessions/${session}/stats${queryOf(query)}`, signal });
  } catch (error) {
    if (error instanceof TailraceError && (error.code === "not_found" || error.code === "method_not_allowed")) return undefined;
    throw error;
  }
}

/** Returns the sum over time of one level. */
export function totalOf(stats: LogStats | undefined, level: LevelName | "none"): number {
  return (stats?.levels[level] ?? []).reduce((sum, count) => sum + count, 0);
}
