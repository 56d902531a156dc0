/** The settings of `tailrace serve` with their defaults: flag over environment over file over default. */
import { availableParallelism } from "node:os";
import { z } from "zod";
import { tryParseSessionId } from "../base/ids.ts";
import { tryParseDuration, tryParseSize } from "../base/units.ts";
import { limits } from "../config.ts";
import { type DecodeLimits, decodeLimitsDefault } from "../wire/decode-context.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** A KiB for each of the most workers that there can be. */
const arenaSizeBytesMin = 64 * KiB;
/** What a block can hold of a body that is all text. */
const bodyLimitMax = 128 * MiB;
/** Estimates: beyond, one entry would take what is meant for many, and rendering it time that others wait for. */
const entryLimitMax = MiB;
const fieldLimitMax = 4096;

function unitSchema(parse: (text: string) => number | undefined, example: string) {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const parsed = parse(String(value));
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: "custom", message: `"${value}" is not like ${example}` });
    return z.NEVER;
  });
}

const size = unitSchema(tryParseSize, "64KiB, 50MiB, 2GiB or 1048576");
const duration = unitSchema(tryParseDuration, "250ms, 30s, 15m or 7d");
/** `off` is 0: the feature does not run. */
const sizeOrOff = z.preprocess((value) => (value === "off" ? 0 : value), size);
const durationOrOff = z.preprocess((value) => (value === "off" ? "0ms" : value), duration);
function parseSessionOf(text: string, context: z.RefinementCtx): string {
  const id = tryParseSessionId(text);
  if (id !== undefined) return id;
  context.addIssue({ code: "custom", message: `"${text}" is no session id of 24 hex digits` });
  return z.NEVER;
}

const names = z.preprocess(
  (value) => (typeof value === "string" ? value.split(",").map((name) => name.trim()) : value),
  z.array(z.string()),
);

/** The settings of `tailrace serve`; keys are the flags in camel case. Sizes in bytes, durations in ms, 0: off. */
export const settingsSchema = z.strictObject({
  host: z.string().default("127.0.0.1"),
  port: z.coerce.number().int().min(0).max(65535).default(7420),
  dataDir: z.string().default("./tailrace-data"),
  /** Two even on small machines, so that one dying worker does not stop all intake. */
  workers: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(Math.max(2, Math.min(8, availableParallelism() - 1))),
  arenaBytes: size.pipe(z.number().min(arenaSizeBytesMin)).default(256 * MiB),
  /** Memory that bodies wait in between arrival and answer, all shards together. */
  slabBytes: size.default(128 * MiB),
  segmentBytes: size.default(64 * MiB),
  bodyLimit: size.pipe(z.number().min(1).max(bodyLimitMax)).default(16 * MiB),
  /** Of what one batch may hold. A block holds its text and fields; what reads a log gives every entry room. */
  inflatedLimit: size
    .pipe(
      z
        .number()
        .min(KiB)
        .max(limits.blockSizeBytesMax / 2),
    )
    .default(limits.bodyInflatedSizeBytesMax),
  entryLimit: size.pipe(z.number().min(KiB).max(entryLimitMax)).default(limits.entrySizeBytesMax),
  fieldLimit: z.coerce.number().int().min(1).max(fieldLimitMax).default(limits.fieldCountMax),
  depthLimit: z.coerce.number().int().min(2).max(limits.jsonDepthMax).default(limits.jsonDepthMax),
  /** 0: max(512 MiB, 2 % of the disk), see storage. */
  diskLowWater: sizeOrOff.optional(),
  idleTimeout: durationOrOff.default(0),
  livenessInterval: durationOrOff.default(30_000),
  retainAge: durationOrOff.default(365 * 86_400_000),
  retainCount: z.preprocess((value) => (value === "off" ? 0 : value), z.coerce.number().int().min(0)).default(10_000),
  retainBytes: sizeOrOff.default(10 * GiB),
  retainInterval: durationOrOff.default(3_600_000),
  sessionMaxBytes: sizeOrOff.default(0),
  archiveAfter: durationOrOff.default(7 * 86_400_000),
  parentSession: z.string().transform(parseSessionOf).optional(),
  forward: z.url({ protocol: /^https?$/ }).optional(),
  allowHost: names.default([]),
  allowOrigin: names.default([]),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  /** Entries that tests may ask a worker to die at; absent in production. */
  testHooks: z.coerce.boolean().default(false),
});

export type Settings = z.infer<typeof settingsSchema>;

/** Returns the memory of all slabs: the largest body fits the slab of each worker, or it would be refused for ever. */
export function slabSizeBytesOf({ slabBytes, workers, bodyLimit }: Settings): number {
  const pageSizeBytes = limits.slabPageSizeBytes;
  return Math.max(slabBytes, workers * Math.ceil(bodyLimit / pageSizeBytes) * pageSizeBytes);
}

/** Returns the limits of a batch. */
export function decodeLimitsOf({ inflatedLimit, entryLimit, fieldLimit, depthLimit }: Settings): DecodeLimits {
  return {
    ...decodeLimitsDefault,
    bodyInflatedSizeBytesMax: inflatedLimit,
    entrySizeBytesMax: entryLimit,
    fieldCountMax: fieldLimit,
    jsonDepthMax: depthLimit,
  };
}

/** Smallest segment that is made on purpose: smaller ones are more files than they are worth. */
const segmentSizeBytesMin = 64 * KiB;
/** Parts that a session under `sessionMaxBytes` has, so that dropping the oldest keeps most of it. */
const segmentsPerSession = 8;

/** Returns the size at which a segment is closed. */
export function segmentSizeBytesOf({ segmentBytes, sessionMaxBytes }: Settings): number {
  if (sessionMaxBytes === 0) return segmentBytes;
  return Math.min(segmentBytes, Math.max(segmentSizeBytesMin, Math.floor(sessionMaxBytes / segmentsPerSession)));
}

/** Returns the settings from raw values (flags over environment over file over default), or the reasons why not. */
export function parseSettings(raw: Readonly<Record<string, unknown>>): { settings: Settings } | { problems: string[] } {
  const parsed = settingsSchema.safeParse(raw);
  if (parsed.success) return { settings: parsed.data };
  return { problems: parsed.error.issues.map((issue) => `${issue.path.join(".") || "settings"}: ${issue.message}`) };
}

/** Returns the settings that the environment gives: `TAILRACE_DATA_DIR` is `dataDir`. */
export function settingsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const key of Object.keys(settingsSchema.shape)) {
    const name = `TAILRACE_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    const value = environment[name];
    if (value !== undefined && value !== "") found[key] = value;
  }
  return found;
}
