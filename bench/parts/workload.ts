/** Seeded batches in every form that intake takes. */
import { utf8 } from "#src/base/bytes.ts";
import { BatchWriter } from "#src/client/batch-writer.hot.ts";
import { editorLog, type GeneratedEntry } from "#src/client/generator.ts";
import { levelOfName } from "#src/record/levels.ts";

export const forms = ["json", "ndjson", "text", "binary"] as const;
export type Form = (typeof forms)[number];
export type Shape = "plain" | "structured";

/** What the batches of a flow look like. */
export interface Workload {
  readonly form: Form;
  readonly shape: Shape;
  /** Entries of a batch. */
  readonly batch: number;
}

export const contentTypes: Readonly<Record<Form, string>> = {
  json: "application/json",
  ndjson: "application/x-ndjson",
  text: "text/plain",
  binary: "application/x-flatbuffers",
};

const seed = 20_261_120;

/** Returns `count` different bodies; the same ones every time. */
export function bodiesOf(workload: Workload, count: number): Uint8Array[] {
  const next = editorLog({ seed, structured: workload.shape === "structured" });
  return Array.from({ length: count }, () => bodyOf(workload, batchOf(next, workload.batch)));
}

function batchOf(next: () => GeneratedEntry, count: number): GeneratedEntry[] {
  return Array.from({ length: count }, next);
}

function bodyOf({ form, batch }: Workload, entries: readonly GeneratedEntry[]): Uint8Array {
  switch (form) {
    case "json":
      return utf8(batch === 1 ? jsonOf(entries[0] as GeneratedEntry) : `[${entries.map(jsonOf).join(",")}]`);
    case "ndjson":
      return utf8(`${entries.map(jsonOf).join("\n")}\n`);
    case "text":
      return utf8(`${entries.map(({ message }) => message.replaceAll("\n", " ")).join("\n")}\n`);
    case "binary":
      return binaryOf(entries);
  }
}

/** Returns `count` entries, the same ones that the bodies begin with. */
export function entriesOf(shape: Shape, count: number): GeneratedEntry[] {
  return batchOf(editorLog({ seed, structured: shape === "structured" }), count);
}

/** Returns JSON bodies whose entries have their seq first, as they are when they are read. */
export function numberedBodiesOf(batch: number, count: number): Uint8Array[] {
  const next = editorLog({ seed, structured: false });
  let seq = 1_000_000;
  return Array.from({ length: count }, () =>
    utf8(
      `[${batchOf(next, batch)
        .map((entry) => `{"seq":${seq++},${jsonOf(entry).slice(1)}`)
        .join(",")}]`,
    ),
  );
}

/** Returns the JSON of one entry, as a client would send it. */
export function jsonOf({ timeMs, level, logger, message, format, fields }: GeneratedEntry): string {
  const timestamp = new Date(timeMs).toISOString();
  if (format === undefined) return JSON.stringify({ timestamp, level, logger, message });
  return `${JSON.stringify({ timestamp, level, logger, format }).slice(0, -1)},"fields":${fields ?? "{}"}}`;
}

const writer = new BatchWriter();

function binaryOf(entries: readonly GeneratedEntry[]): Uint8Array {
  writer.clear();
  for (const { timeMs, level, logger, message, format, fields } of entries) {
    if (format === undefined) writer.addMessage(timeMs, levelOfName(level), logger, message);
    else writer.addStructured(timeMs, levelOfName(level), logger, format, fields ?? "");
  }
  return writer.finish().slice();
}
