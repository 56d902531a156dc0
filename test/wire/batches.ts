/** Builds LogBatch bodies with the generated builder, so that tests may build broken ones. */
import { Builder, type Offset } from "flatbuffers";
import type { OwnedBytes } from "#src/base/bytes.ts";
import { LogBatch } from "#src/record/generated/log-batch.ts";
import { type ModelEntry, wtf8 } from "../record/entries.ts";

/** The members of a batch; an absent one is not written. */
export interface BatchParts {
  count?: number;
  timestamps?: bigint[];
  levels?: number[];
  loggers?: (string | Uint8Array)[];
  loggerIndexes?: number[];
  text?: string | Uint8Array;
  textEnds?: number[];
  templates?: (string | Uint8Array)[];
  templateIndexes?: number[];
  fields?: string | Uint8Array;
  fieldEnds?: number[];
  seqs?: bigint[];
}

/** Returns the body that `parts` make, with or without the file identifier. */
export function batchOf(parts: BatchParts, hasIdentifier = true): OwnedBytes {
  const builder = new Builder(1024);
  const bytes = (value: string | Uint8Array) => (typeof value === "string" ? wtf8(value) : value);
  const strings = (values: readonly (string | Uint8Array)[]) => values.map((value) => builder.createString(bytes(value)));
  const adds: (() => void)[] = [];
  const add = <T>(value: T | undefined, make: (value: T) => Offset, put: (offset: Offset) => void) => {
    if (value === undefined) return;
    const offset = make(value);
    adds.push(() => put(offset));
  };
  const textVector = (value: string | Uint8Array) => LogBatch.createTextVector(builder, bytes(value));
  const words = (value: number[]) => LogBatch.createTextEndsVector(builder, value);
  add(
    parts.timestamps,
    (v) => LogBatch.createTimestampsVector(builder, v),
    (at) => LogBatch.addTimestamps(builder, at),
  );
  add(
    parts.levels,
    (v) => LogBatch.createLevelsVector(builder, v),
    (at) => LogBatch.addLevels(builder, at),
  );
  add(
    parts.loggers,
    (v) => LogBatch.createLoggersVector(builder, strings(v)),
    (at) => LogBatch.addLoggers(builder, at),
  );
  add(parts.loggerIndexes, words, (at) => LogBatch.addLoggerIndexes(builder, at));
  add(parts.text, textVector, (at) => LogBatch.addText(builder, at));
  add(parts.textEnds, words, (at) => LogBatch.addTextEnds(builder, at));
  add(
    parts.templates,
    (v) => LogBatch.createTemplatesVector(builder, strings(v)),
    (at) => LogBatch.addTemplates(builder, at),
  );
  add(parts.templateIndexes, words, (at) => LogBatch.addTemplateIndexes(builder, at));
  add(parts.fields, textVector, (at) => LogBatch.addFields(builder, at));
  add(parts.fieldEnds, words, (at) => LogBatch.addFieldEnds(builder, at));
  add(
    parts.seqs,
    (v) => LogBatch.createSeqsVector(builder, v),
    (at) => LogBatch.addSeqs(builder, at),
  );
  LogBatch.startLogBatch(builder);
  if (parts.count !== undefined) LogBatch.addCount(builder, parts.count);
  for (const put of adds) put();
  const root = LogBatch.endLogBatch(builder);
  if (hasIdentifier) LogBatch.finishLogBatchBuffer(builder, root);
  else builder.finish(root);
  return builder.asUint8Array().slice() as OwnedBytes;
}

/** Returns the parts that `entries` make, each string once. */
export function partsOf(entries: readonly ModelEntry[], hasText: boolean): BatchParts {
  const loggers = distinct(entries.map((entry) => entry.logger));
  const templates = distinct(entries.map((entry) => entry.template));
  const texts = entries.map((entry) => wtf8(entry.text));
  const fields = entries.map((entry) => wtf8(entry.fields ?? ""));
  return {
    count: entries.length,
    timestamps: entries.map((entry) => entry.timeNs),
    levels: entries.map((entry) => entry.level),
    loggers,
    loggerIndexes: entries.map((entry) => (entry.logger === undefined ? 0 : loggers.indexOf(entry.logger) + 1)),
    templates,
    templateIndexes: entries.map((entry) => (entry.template === undefined ? 0 : templates.indexOf(entry.template) + 1)),
    fields: Buffer.concat(fields),
    fieldEnds: endsOf(fields),
    ...(hasText ? { text: Buffer.concat(texts), textEnds: endsOf(texts) } : {}),
  };
}

function distinct(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined))];
}

function endsOf(parts: readonly Uint8Array[]): number[] {
  let end = 0;
  return [0, ...parts.map((part) => (end += part.length))];
}
