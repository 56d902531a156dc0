/** Stage batch-writer: entries to bodies on the client, beside JSON.stringify of the same entries. */
import { type OwnedBytes, utf8 } from "#src/base/bytes.ts";
import { BatchWriter } from "#src/client/batch-writer.hot.ts";
import { editorLog, type GeneratedEntry } from "#src/client/generator.ts";
import { levelOfName } from "#src/record/levels.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const count = 1000;

/** Batches of 1000 editor-like entries. */
export const stage: Stage = { name: "batch-writer", cases };

function cases(): StageCase[] {
  const plain = entriesOf(false);
  const structured = entriesOf(true);
  return [
    jsonRow("reference: JSON.stringify, plain", plain),
    jsonRow("reference: JSON.stringify, structured", structured),
    writerRow("plain, from bytes", plain, addBytes(plain)),
    writerRow("plain, from strings", plain, addMessages),
    writerRow("structured, rendered by the server", structured, addStructured),
    writerRow("every other structured, rendered here", structured, addMixed),
  ];
}

function entriesOf(structured: boolean): GeneratedEntry[] {
  return Array.from({ length: count }, editorLog({ seed: 1, structured }));
}

function sizeOf(entries: readonly GeneratedEntry[]): number {
  return entries.reduce(
    (sum, { message, format, fields }) => sum + utf8(format === undefined ? message : format + fields).length,
    0,
  );
}

function jsonRow(name: string, entries: readonly GeneratedEntry[]): StageCase {
  const sent = entries.map(({ timeMs: timestamp, message, format, fields, ...rest }) =>
    format === undefined ? { timestamp, ...rest, message } : { timestamp, ...rest, format, fields: JSON.parse(fields ?? "{}") },
  );
  return { name, count, sizeBytes: sizeOf(entries), run: () => utf8(JSON.stringify(sent)).length };
}

function writerRow(
  name: string,
  entries: readonly GeneratedEntry[],
  add: (writer: BatchWriter, entries: readonly GeneratedEntry[]) => void,
): StageCase {
  const writer = new BatchWriter();
  const run = () => {
    writer.clear();
    add(writer, entries);
    return writer.finish().length;
  };
  return { name, count, sizeBytes: sizeOf(entries), run };
}

function addBytes(entries: readonly GeneratedEntry[]) {
  const lines: OwnedBytes[] = entries.map(({ message }) => utf8(message));
  return (writer: BatchWriter) => {
    for (let index = 0; index < count; index++) {
      const { timeMs, logger } = entries[index]!;
      writer.addBytes(timeMs, 3, logger, lines[index]!, 0, lines[index]!.length);
    }
  };
}

function addMessages(writer: BatchWriter, entries: readonly GeneratedEntry[]): void {
  for (const { timeMs, level, logger, message } of entries) writer.addMessage(timeMs, levelOfName(level), logger, message);
}

function addStructured(writer: BatchWriter, entries: readonly GeneratedEntry[]): void {
  for (const entry of entries) addOneStructured(writer, entry);
}

function addMixed(writer: BatchWriter, entries: readonly GeneratedEntry[]): void {
  entries.forEach((entry, index) => {
    if (index % 2 === 0) addOneStructured(writer, entry);
    else writer.addMessage(entry.timeMs, levelOfName(entry.level), entry.logger, entry.message);
  });
}

function addOneStructured(writer: BatchWriter, { timeMs, level, logger, format, fields }: GeneratedEntry): void {
  writer.addStructured(timeMs, levelOfName(level), logger, format ?? "", fields ?? "");
}

await runWhenMain(import.meta.url, stage);
