/** Seeded entries as columns and blocks, for benches of what lies behind decode. */
import { utf8 } from "#src/base/bytes.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";

export type Workload = "plain" | "escaped" | "cyrillic" | "structured";

const loggers = ["LogNet", "LogHttp", "LogStorage", "LogAuth", "LogTemp", "LogInit", "LogCook", "LogShader"];
const template = "request {id} took {ms} ms for {path} of client {ip} with code {code}";

/** Fills new columns with `count` entries; plain messages have about 100 bytes. */
export function workloadColumns(workload: Workload, count: number): EntryColumns {
  const columns = new EntryColumns();
  columns.reserveEntries(count);
  for (let index = 0; index < count; index++) {
    const text = utf8(messageOf(workload, index));
    const logger = utf8(loggers[(index * 7) % loggers.length] as string);
    const loggerIndex = columns.loggers.intern(logger, 0, logger.length);
    columns.text.append(text, 0, text.length);
    let templateIndex = 0;
    if (workload === "structured") {
      const format = utf8(template);
      templateIndex = columns.templates.intern(format, 0, format.length);
      const ms = (index * 7) % 977;
      const fields = utf8(`{"id":${index},"ms":${ms},"path":"/assets/index.html","ip":"10.0.0.${index % 255}","code":200}`);
      columns.fields.append(fields, 0, fields.length);
    }
    columns.finishEntry((index * 1_500_000) | 0, 417_970_000, 2 + ((index * 5) % 4), loggerIndex, templateIndex);
  }
  return columns;
}

function messageOf(workload: Workload, index: number): string {
  const ms = (index * 7) % 977;
  const base = `request ${index} took ${ms} ms for /assets/index.html of client 10.0.0.${index % 255} with code 200`;
  if (workload === "escaped") return `"${base.slice(0, 60)}"\n\tat C:\\Engine\\Source\\Runtime (line ${index})`;
  if (workload === "cyrillic") return `Запрос ${index} завершён за ${ms} мс для пользователя Иван`;
  return `${base}, retry none`.padEnd(100, ".");
}

/** Returns a block of those entries in shared memory, at offset 0. */
export function workloadBlock(workload: Workload, count: number): Uint8Array<SharedArrayBuffer> {
  const columns = workloadColumns(workload, count);
  const bytes = new Uint8Array(new SharedArrayBuffer(encodedSizeBytes(columns, 0)));
  encodeBlock(columns, { firstSeq: 1_000_001, saltLow: 1, saltHigh: 2, previousCrc: 3 }, new Uint8Array(0), bytes, 0);
  return bytes;
}
