/** What a client may say about a session: checked here, once, for HTTP and for the command line's defaults. */
import { z } from "zod";
import { tryParseSessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import type { SessionInput } from "../wire/api.ts";
import { parseJson } from "../wire/control-json.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { isRefusal } from "./query-input.ts";

const text = z.string().max(limits.sessionTextLengthMax).nullish();
const schema = z.object({
  appname: text,
  mode: text,
  platform: text,
  jobid: text,
  pid: z.number().int().min(0).max(0xffffffff).nullish(),
  parent_session_id: z
    .string()
    .refine((id) => tryParseSessionId(id) !== undefined, "must be 24 hex digits")
    .transform((id) => id.toLowerCase())
    .nullish(),
  // Not a z.record, which leaves out a member that is called __proto__.
  metadata: z.custom<Record<string, unknown>>(isObject, "must be an object").nullish(),
});

/** Returns the members that were given (unknown ones are ignored), or why they are refused. */
export function parseSessionInput(body: string): SessionInput | Refusal {
  const read = body.trim() === "" ? { value: {} } : parseJson(body, "The body");
  if (isRefusal(read)) return read;
  const parsed = schema.safeParse(read.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join(".") ?? "";
    return refuse(
      field === "parent_session_id" ? "invalid_session_id" : "invalid_batch",
      `The session's ${field === "" ? "body" : `"${field}"`} is not valid: ${issue?.message ?? "wrong type"}.`,
      { field },
    );
  }
  const { metadata } = parsed.data;
  // What is nested deeper breaks recursive readers: first of all the ones that bring it to the worker and to the file.
  if (isDeeperThan(metadata, limits.jsonDepthMax)) {
    return refuse("invalid_batch", `The session's "metadata" is nested deeper than ${limits.jsonDepthMax} levels.`, {
      field: "metadata",
      limit: limits.jsonDepthMax,
    });
  }
  // Measured as it is stored.
  if (metadata && Buffer.byteLength(JSON.stringify(metadata)) > limits.metadataSizeBytesMax) {
    return refuse("payload_too_large", `metadata is over ${limits.metadataSizeBytesMax} bytes: shorten it.`, {
      limit: limits.metadataSizeBytesMax,
    });
  }
  return Object.fromEntries(
    Object.entries(parsed.data).filter(([, given]) => given !== null && given !== undefined),
  ) as SessionInput;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(item, levels - 1));
}
