/** Appends that come over a WebSocket, as JSON or as binary frames: found in their message, put in the slab, queued. */
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import { tryParseSessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import { bodyEncoding, itemKind } from "../handoff/job.ts";
import { AppendMessage, appendMember } from "../wire/append-message.hot.ts";
import { bodyKind } from "../wire/body-kind.ts";
import { readAppendFrame } from "../wire/delta.ts";
import { type Refusal, refusalMembers, refuse } from "../wire/outcome.ts";
import { type Engine, overloadedRefusal } from "./engine.ts";
import { appendAnswer, invalidIdRefusal, isGoodKey, sessionNotFound, stateRefusal } from "./intake.ts";
import { isRefusal } from "./query-input.ts";
import type { Session } from "./session.ts";
import type { Batch } from "./shard.ts";
import { isWhole, type SocketOut } from "./socket-out.ts";

/** An append as it was found in its message. */
interface FoundAppend {
  readonly ref: number;
  readonly session: unknown;
  readonly key: string;
  readonly synced: boolean;
  /** The library's memory: gone when its message was handled. */
  readonly body: AnyBytes;
  readonly kind: number;
}

/** Of the message at hand: messages are handled one after the other. */
const appendMessage = new AppendMessage();
const openBracket = 0x5b;
const quote = 0x22;
const backslash = 0x5c;
const zero = 0x30;
/** Scalars of an append are short. */
const memberSizeBytesMax = 256;

export class SocketAppends {
  readonly #engine: Engine;
  readonly #out: SocketOut;
  readonly #bodyLimitBytes: number;
  readonly #onSession: (session: Session) => void;
  /** Appends without an answer yet. */
  #count = 0;
  /** Answers of the job that is being settled. */
  #answers: string[] = [];

  /** @param onSession told of each session that the socket appends to. */
  constructor(engine: Engine, out: SocketOut, bodyLimitBytes: number, onSession: (session: Session) => void) {
    this.#engine = engine;
    this.#out = out;
    this.#bodyLimitBytes = bodyLimitBytes;
    this.#onSession = onSession;
  }

  /** Takes a text message if it is an append; false: it is something else. */
  tryTake(bytes: Uint8Array): boolean {
    if (!appendMessage.read(bytes) || memberOf(bytes, appendMember.type) !== "append") return false;
    const ref = memberOf(bytes, appendMember.ref);
    const append = isWhole(ref) ? appendOf(bytes, ref) : refuse("invalid_query", "ref must be a whole number.");
    if (isRefusal(append)) this.#out.refuse(append, { ref });
    else this.#queue(append);
    return true;
  }

  /** Takes a binary message; false: it is no append. */
  tryTakeFrame(bytes: Uint8Array): boolean {
    const frame = readAppendFrame(bytes);
    if (frame === undefined) return false;
    const { ref, session, key, synced, payloadStart, payloadEnd } = frame;
    if (!isWhole(ref)) this.#out.refuse(refuse("invalid_query", "ref must be below 2^53."), {});
    else this.#queue({ ref, session, key, synced, body: bytes.subarray(payloadStart, payloadEnd), kind: bodyKind.flatbuffers });
    return true;
  }

  #queue(append: FoundAppend): void {
    const { ref, body, key } = append;
    const session = findSession(this.#engine, append.session);
    const refusal = isRefusal(session) ? session : this.#refusalOf(append, session);
    if (refusal !== undefined) return this.#out.refuse(refusal, { ref });
    const target = session as Session;
    const shard = this.#engine.shardOf(target);
    const offset = shard.slab.reserve(body.length);
    if (offset < 0) return this.#out.refuse(overloadedRefusal, { ref });
    shard.slab.bytes.set(body, offset);
    this.#onSession(target);
    this.#count++;
    const answer = (text: string) => {
      this.#count--;
      this.#answers.push(text);
      // A job settles its batches in one go: their answers leave in one write.
      if (this.#answers.length === 1) queueMicrotask(() => this.#sendAnswers());
    };
    shard.enqueue(new SocketBatch(this.#engine, target, { ...append, key }, offset, answer));
  }

  #sendAnswers(): void {
    const answers = this.#answers;
    this.#answers = [];
    this.#out.together(() => {
      for (const text of answers) this.#out.answer(text);
    });
  }

  #refusalOf({ body, key }: FoundAppend, session: Session): Refusal | undefined {
    if (key !== "" && !isGoodKey(key)) return refuse("invalid_query", "key must be <producer>:<sequence>.");
    if (body.length > this.#bodyLimitBytes) {
      const limit = this.#bodyLimitBytes;
      return refuse("payload_too_large", `The entries are over ${limit} bytes: send smaller batches.`, { limit });
    }
    const state = stateRefusal(this.#engine, session);
    if (state !== undefined) return state;
    const isFull = this.#count >= limits.socketCreditCount || this.#engine.shardOf(session).isFull;
    return isFull ? overloadedRefusal : undefined;
  }
}

/** Returns the session that a message names, or why there is none. */
export function findSession(engine: Engine, text: unknown): Session | Refusal {
  const id = typeof text === "string" ? tryParseSessionId(text) : undefined;
  if (id === undefined) return invalidIdRefusal;
  return engine.registry.find(id) ?? sessionNotFound(id);
}

/** `bytes` was looked at by `appendMessage`. */
function appendOf(bytes: Uint8Array, ref: number): FoundAppend | Refusal {
  const start = appendMessage.starts[appendMember.entries] as number;
  const end = appendMessage.ends[appendMember.entries] as number;
  const key = memberOf(bytes, appendMember.key) ?? "";
  const ack = memberOf(bytes, appendMember.ack) ?? "written";
  const session = memberOf(bytes, appendMember.session);
  if (start < 0 || bytes[start] !== openBracket) return refuse("invalid_batch", "entries must be an array.");
  if (ack !== "written" && ack !== "synced") return refuse("invalid_query", "ack must be written or synced.");
  if (typeof key !== "string") return refuse("invalid_query", "key must be <producer>:<sequence>.");
  return { ref, session, key, synced: ack === "synced", body: bytes.subarray(start, end), kind: bodyKind.json };
}

/** Returns a scalar member of the append, undefined when it is absent, NaN when it is no JSON or longer than any good one. */
function memberOf(bytes: Uint8Array, member: number): unknown {
  const start = appendMessage.starts[member] as number;
  const end = appendMessage.ends[member] as number;
  if (start < 0) return undefined;
  if (end - start > memberSizeBytesMax) return Number.NaN;
  const plain = plainMember(bytes, start, end);
  if (plain !== undefined) return plain;
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1"));
  } catch {
    return Number.NaN;
  }
}

/** Returns a short number or a text without escapes, as members of appends are; undefined: leave it to a JSON parser. */
function plainMember(bytes: Uint8Array, start: number, end: number): number | string | undefined {
  if (bytes[start] === quote) {
    for (let at = start + 1; at < end - 1; at++) if (isSpecial(bytes[at] as number)) return undefined;
    return lastTexts.of(bytes, start + 1, end - 1);
  }
  if (end - start > 15 || (bytes[start] === zero && end - start > 1)) return undefined;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - zero;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return number;
}

function isSpecial(byte: number): boolean {
  return byte < 0x20 || byte > 0x7e || byte === quote || byte === backslash;
}

/** Remembers a few texts by length, because type and session of a socket's appends stay the same. */
class TextMemo {
  readonly #bytes: Uint8Array[] = [];
  readonly #texts: string[] = [];

  of(bytes: Uint8Array, start: number, end: number): string {
    const size = end - start;
    const known = this.#bytes[size];
    if (known !== undefined && isSame(known, bytes, start)) return this.#texts[size] as string;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, size).toString("latin1");
    this.#bytes[size] = bytes.slice(start, end);
    this.#texts[size] = text;
    return text;
  }
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let index = 0; index < known.length; index++) if (known[index] !== bytes[start + index]) return false;
  return true;
}

const lastTexts = new TextMemo();

class SocketBatch implements Batch {
  readonly kind = itemKind.append;
  readonly session: Session;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly bodyKind: number;
  readonly encoding = bodyEncoding.identity;
  readonly receivedMs: number;
  readonly key: string;
  readonly document = undefined;
  readonly synced: boolean;
  readonly #ref: number;
  readonly #engine: Engine;
  readonly #answer: (text: string) => void;

  /** @param offset of the body in the slab. @param answer called once, with the message for the client. */
  constructor(engine: Engine, session: Session, append: FoundAppend, offset: number, answer: (text: string) => void) {
    assert(offset >= 0, "the body lies in the slab");
    this.session = session;
    this.offset = offset;
    this.sizeBytes = append.body.length;
    this.bodyKind = append.kind;
    this.key = append.key;
    this.synced = append.synced;
    this.receivedMs = engine.clock.nowMs();
    this.#ref = append.ref;
    this.#engine = engine;
    this.#answer = answer;
  }

  settle(refusal: Refusal | undefined, first: number, count: number, duplicate: boolean): void {
    const { counters } = this.#engine;
    if (refusal !== undefined) {
      counters.refusedBatchCount++;
      return this.#answer(JSON.stringify({ type: "error", ref: this.#ref, ...refusalMembers(refusal) }));
    }
    counters.write++;
    if (duplicate) counters.duplicateBatchCount++;
    else {
      counters.storedEntryCount += count;
      counters.storedSizeBytes += this.sizeBytes;
    }
    this.#answer(`{"type":"ack","ref":${this.#ref},${appendAnswer(first, count, this.synced, duplicate).slice(1)}`);
  }
}
