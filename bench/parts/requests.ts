/** Requests and messages made before the load starts, as files that every generator reads. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Pieces behind each other in one file, and a file with one size per line. */
function writePieces(directory: string, name: string, pieces: readonly Uint8Array[]): void {
  writeFileSync(join(directory, `${name}.bin`), Buffer.concat(pieces));
  writeFileSync(join(directory, `${name}.sizes`), `${pieces.map(({ length }) => length).join("\n")}\n`);
}

/** Reads pieces back: views on one memory. */
export function readPieces(directory: string, name: string): Buffer[] {
  const bytes = readFileSync(join(directory, `${name}.bin`));
  const sizes = readFileSync(join(directory, `${name}.sizes`), "utf8")
    .trimEnd()
    .split("\n")
    .map(Number);
  let at = 0;
  return sizes.map((size) => {
    at += size;
    return bytes.subarray(at - size, at);
  });
}

/** What a generator sends: request `n` is head `n` and body `n mod bodies`. */
export interface RequestSet {
  readonly directory: string;
  readonly count: number;
  /** Mean size of a body. */
  readonly bodySizeBytes: number;
}

/** Writes the requests that post `bodies` to `paths`, both in turn. */
export function writeRequests(
  directory: string,
  port: number,
  contentType: string,
  paths: readonly string[],
  bodies: readonly Uint8Array[],
): RequestSet {
  const count = Math.max(paths.length, bodies.length);
  const heads = Array.from({ length: count }, (_, index) => {
    const path = paths[index % paths.length] as string;
    const size = (bodies[index % bodies.length] as Uint8Array).length;
    const lines = [`POST ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, `Content-Type: ${contentType}`, `Content-Length: ${size}`];
    return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  });
  writePieces(directory, "heads", heads);
  writePieces(directory, "bodies", bodies);
  return { directory, count, bodySizeBytes: meanSize(bodies) };
}

/** Writes WebSocket messages as the frames of a client. */
export function writeFrames(directory: string, frames: readonly Uint8Array[]): void {
  writePieces(directory, "frames", frames);
}

/** Returns the mean size of pieces. */
export function meanSize(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0) / pieces.length;
}
