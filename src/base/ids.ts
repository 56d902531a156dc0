/** Session ids: 12 bytes, 24 hex digits, lower case inside. Parsed and re-rendered before they touch a path. */

/** A valid id in lower case; made only by `tryParseSessionId`, `sessionIdOf` and the registry's random source. */
export type SessionId = string & { readonly brand: "SessionId" };

export const sessionIdSizeBytes = 12;
const pattern = /^[0-9a-fA-F]{24}$/;
const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const zeros = "0".repeat(24);

/** Returns the id in lower case, or undefined when `text` is none (all zeros is none). */
export function tryParseSessionId(text: string): SessionId | undefined {
  if (!pattern.test(text) || text === zeros) return undefined;
  return text.toLowerCase() as SessionId;
}

/** Returns the id that `bytes` spell. */
export function sessionIdOf(bytes: Uint8Array): SessionId {
  let text = "";
  for (let index = 0; index < sessionIdSizeBytes; index++) text += hexPairs[bytes[index] ?? 0];
  return text as SessionId;
}

/** Returns the 12 bytes of `id`. */
export function sessionIdBytes(id: SessionId): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sessionIdSizeBytes);
  for (let index = 0; index < sessionIdSizeBytes; index++) bytes[index] = Number.parseInt(id.slice(index * 2, index * 2 + 2), 16);
  return bytes;
}

/** Returns a new id: 4 bytes of seconds, then 8 random bytes, so that ids sort roughly by age. */
export function newSessionId(nowMs: number, random: (target: Uint8Array<ArrayBuffer>) => void): SessionId {
  const bytes = new Uint8Array(sessionIdSizeBytes);
  random(bytes);
  new DataView(bytes.buffer).setUint32(0, Math.floor(nowMs / 1000) >>> 0);
  return sessionIdOf(bytes);
}
