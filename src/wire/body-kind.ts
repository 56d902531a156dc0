/** The forms in which a batch is sent. */

/** Numbers of the forms, so that they cross threads in a job's words. */
export const bodyKind = { json: 0, ndjson: 1, text: 2, flatbuffers: 3 } as const;

const byContentType: ReadonlyMap<string, number> = new Map([
  ["application/json", bodyKind.json],
  ["application/x-ndjson", bodyKind.ndjson],
  ["application/jsonl", bodyKind.ndjson],
  ["application/stream+json", bodyKind.ndjson],
  ["text/plain", bodyKind.text],
  ["application/x-flatbuffers", bodyKind.flatbuffers],
]);

/** What was asked last: clients repeat themselves. */
let lastContentType = "";
let lastKind: number | undefined;

/** Returns the form that a Content-Type header names, parameters aside, or undefined when it is none of ours. */
export function bodyKindOf(contentType: string): number | undefined {
  if (contentType === lastContentType && lastKind !== undefined) return lastKind;
  const semicolon = contentType.indexOf(";");
  const type = semicolon < 0 ? contentType : contentType.slice(0, semicolon);
  lastContentType = contentType;
  lastKind = byContentType.get(type.trim().toLowerCase());
  return lastKind;
}
