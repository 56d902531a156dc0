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

/** Returns the form that a Content-Type header names, parameters aside, or undefined when it is none of ours. */
export function bodyKindOf(contentType: string): number | undefined {
  const semicolon = contentType.indexOf(";");
  const type = semicolon < 0 ? contentType : contentType.slice(0, semicolon);
  return byContentType.get(type.trim().toLowerCase());
}
