/** Writes what a filter lets through into a file, page by page, so that no request holds the whole log. */
import type { ExportFormat, TailraceClient } from "../../client/client.ts";
import type { EntryObject } from "../../wire/api.ts";
import { hasFields, type LogFilter, serverFilterOf } from "../model/filter.ts";

/** Entries of one request: the most that the server gives. */
const pageEntryCount = 10_000;
/** More than the heading of a CSV file. */
const headingSizeBytesMax = 1024;

export interface ExportRequest {
  readonly client: TailraceClient;
  readonly session: string;
  readonly filter: LogFilter;
  readonly format: ExportFormat;
  /** Last entry of the file. */
  readonly head: number;
  readonly signal: AbortSignal;
  readonly onProgress: (share: number) => void;
}

/** Returns the file; its parts live where the browser keeps blobs, not in the page's memory. */
export async function exportLog(request: ExportRequest): Promise<Blob> {
  const { client, session, format, head, signal } = request;
  const parts: Blob[] = [];
  const filter = serverFilterOf(request.filter);
  for (let cursor = 0; cursor < head; ) {
    const response = await client.readAs(session, format, { ...filter, cursor, limit: pageEntryCount }, { signal });
    const next = Number(response.headers.get("tailrace-cursor") ?? Number.NaN);
    const page = await response.blob();
    if (!(next > cursor)) throw new Error(`The server gave no way to read on after entry ${cursor}`);
    parts.push(await partOf(page, request, parts.length === 0));
    cursor = next;
    request.onProgress(Math.min(1, cursor / head));
  }
  return new Blob(parts, { type: contentTypes[format] });
}

/** Offers `blob` to the reader as a file. */
export function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken hold of it long before.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Extension of a file of each format. */
export const extensions: Readonly<Record<ExportFormat, string>> = { ndjson: "ndjson", csv: "csv", text: "log" };

const contentTypes: Readonly<Record<ExportFormat, string>> = {
  ndjson: "application/x-ndjson",
  csv: "text/csv",
  text: "text/plain",
};

/** Every page of CSV begins with the heading; only the first keeps it. Fields are filtered here, line by line. */
async function partOf(page: Blob, { format, filter }: ExportRequest, isFirst: boolean): Promise<Blob> {
  if (format === "csv" && !isFirst) {
    const heading = await page.slice(0, headingSizeBytesMax).text();
    return page.slice(heading.indexOf("\n") + 1);
  }
  if (format !== "ndjson" || filter.fields.length === 0) return page;
  const lines = (await page.text())
    .split("\n")
    .filter((line) => line !== "" && hasFields(JSON.parse(line) as EntryObject, filter.fields));
  return new Blob(lines.map((line) => `${line}\n`));
}
