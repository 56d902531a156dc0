/** Appends that come over a WebSocket, as JSON or as binary frames: found in their message, put in the slab, queued. */
import { assert } from "../base/assert.ts";
import { type SessionId, tryParseSessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import { bodyEncoding, itemKind } from "../handoff/job.ts";
import { appendAck } from "../wire/append-answer.hot.ts";
import { AppendMessage, appendMember, plainNumber } from "../wire/append-message.hot.ts";
import { bodyKind } from "../wire/body-kind.ts";
import { readAppendFrame } from "../wire/delta.ts";
import { type Refusal, refusalMembers, refuse } from "../wire/outcome.ts";
import { type Engine, overloadedRefusal } from "./engine.ts";
import { invalidIdRefusal, isGoodKey, sessionNotFound, stateRefusal } from "./intake.ts";
import { isRefusal } from "./query-input.ts";
import type { Session } from "./session.ts";
import type { Batch } from "./shard.ts";
import { isWhole, type SocketOut } from "./socket-out.ts";

/** An append as it was found in its message. */
interface FoundAppend {
  readonly ref: number;
  readonly session: Session;
  readonly key: string;
  readonly synced: boolean;
  /** The batch lies at [start, end) of the message, the library's memory: gone when the message was handled. */
  readonly start: number;
  readonly end: number;
  readonly kind: number;
}

/** Of the message at hand: messages are handled one after the other. */
const appendMessage = new AppendMessage();
const { starts, ends } = appendMessage;
const openBracket = 0x5b;
/** Scalars of an append are short. */
const memberSizeBytesMax = 256;
/** An id as it stands in a message: 24 digits between quotes. */
const idTextSizeBytes = 24;

export class SocketAppends {
  readonly #engine: Engine;
  readonly #out: SocketOut;
  readonly #bodyLimitBytes: number;
  readonly #onSession: (session: Session) => void;
  /** Appends without an answer yet. */
  #count = 0;
  /** Appends whose answers wait for the end of the job that is being settled. */
  #settled: SocketBatch[] = [];
  /** The id that was named last, and how it was spelled: a socket's appends mostly go to one session. */
  readonly #idWords = new Int32Array(idTextSizeBytes / 4);
  #id: SessionId | undefined;

  /** @param onSession told of each session that the socket appends to. */
  constructor(engine: Engine, out: SocketOut, bodyLimitBytes: number, onSession: (session: Session) => void) {
    this.#engine = engine;
    this.#out = out;
    this.#bodyLimitBytes = bodyLimitBytes;
    this.#onSession = onSession;
  }

  /** Takes a text message if it is an append; false: it is something else. */
  tryTake(message: DataView): boolean {
    if (!appendMessage.read(message)) return false;
    if (!appendMessage.isAppend(message) && scalarOf(message, appendMember.type) !== "append") return false;
    const ref = this.#refOf(message);
    const append = isWhole(ref) ? this.#appendOf(message, ref) : refuse("invalid_query", "ref must be a whole number.");
    if (isRefusal(append)) this.#out.refuse(append, { ref });
    else this.#queue(message, append);
    return true;
  }

  /** Takes a binary message; false: it is no append. */
  tryTakeFrame(message: DataView): boolean {
    const frame = readAppendFrame(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
    if (frame === undefined) return false;
    const { ref, key, synced, payloadStart: start, payloadEnd: end } = frame;
    if (!isWhole(ref)) {
      this.#out.refuse(refuse("invalid_query", "ref must be below 2^53."), {});
      return true;
    }
    const session = findSession(this.#engine, frame.session);
    if (isRefusal(session)) this.#out.refuse(session, { ref });
    else this.#queue(message, { ref, session, key, synced, start, end, kind: bodyKind.flatbuffers });
    return true;
  }

  /** A batch has its outcome. A job settles its batches in one go: their answers leave in one write. */
  settled(batch: SocketBatch): void {
    this.#count--;
    this.#settled.push(batch);
    if (this.#settled.length === 1) queueMicrotask(() => this.#sendAnswers());
  }

  #sendAnswers(): void {
    const batches = this.#settled;
    this.#settled = [];
    this.#out.together(() => {
      for (const batch of batches) this.#out.answer(batch.answer());
    });
  }

  #queue(message: DataView, append: FoundAppend): void {
    const { ref, session, start, end } = append;
    const refusal = this.#refusalOf(append);
    if (refusal !== undefined) return this.#out.refuse(refusal, { ref });
    const { slab } = this.#engine.shardOf(session);
    const offset = slab.reserve(end - start);
    if (offset < 0) return this.#out.refuse(overloadedRefusal, { ref });
    slab.put(offset, message, start, end);
    this.#onSession(session);
    this.#count++;
    this.#engine.shardOf(session).enqueue(new SocketBatch(this.#engine, append, offset, this));
  }

  #refusalOf({ session, key, start, end }: FoundAppend): Refusal | undefined {
    if (key !== "" && !isGoodKey(key)) return refuse("invalid_query", "key must be <producer>:<sequence>.");
    if (end - start > this.#bodyLimitBytes) {
      const limit = this.#bodyLimitBytes;
      return refuse("payload_too_large", `The entries are over ${limit} bytes: send smaller batches.`, { limit });
    }
    const state = stateRefusal(this.#engine, session);
    if (state !== undefined) return state;
    const isFull = this.#count >= limits.socketCreditCount || this.#engine.shardOf(session).isFull;
    return isFull ? overloadedRefusal : undefined;
  }

  #refOf(message: DataView): unknown {
    const start = starts[appendMember.ref] as number;
    const plain = start < 0 ? -1 : plainNumber(message, start, ends[appendMember.ref] as number);
    return plain >= 0 ? plain : scalarOf(message, appendMember.ref);
  }

  /** `message` was looked at by `appendMessage`. */
  #appendOf(message: DataView, ref: number): FoundAppend | Refusal {
    const session = this.#sessionOf(message);
    if (isRefusal(session)) return session;
    const start = starts[appendMember.entries] as number;
    const end = ends[appendMember.entries] as number;
    if (start < 0 || message.getUint8(start) !== openBracket) return refuse("invalid_batch", "entries must be an array.");
    const ack = scalarOf(message, appendMember.ack) ?? "written";
    if (ack !== "written" && ack !== "synced") return refuse("invalid_query", "ack must be written or synced.");
    const key = scalarOf(message, appendMember.key) ?? "";
    if (typeof key !== "string") return refuse("invalid_query", "key must be <producer>:<sequence>.");
    return { ref, session, key, synced: ack === "synced", start, end, kind: bodyKind.json };
  }

  #sessionOf(message: DataView): Session | Refusal {
    const start = (starts[appendMember.session] as number) + 1;
    const isId = start > 0 && (ends[appendMember.session] as number) - start === idTextSizeBytes + 1;
    if (isId && this.#id !== undefined && this.#isSameId(message, start)) {
      return this.#engine.registry.find(this.#id) ?? sessionNotFound(this.#id);
    }
    const session = findSession(this.#engine, scalarOf(message, appendMember.session));
    if (isId && !isRefusal(session)) {
      this.#id = session.id;
      for (let word = 0; word < this.#idWords.length; word++) this.#idWords[word] = message.getInt32(start + word * 4, true);
    }
    return session;
  }

  #isSameId(message: DataView, start: number): boolean {
    const words = this.#idWords;
    for (let word = 0; word < words.length; word++) if (message.getInt32(start + word * 4, true) !== words[word]) return false;
    return true;
  }
}

/** Returns the session that a message names, or why there is none. */
export function findSession(engine: Engine, text: unknown): Session | Refusal {
  const id = typeof text === "string" ? tryParseSessionId(text) : undefined;
  if (id === undefined) return invalidIdRefusal;
  return engine.registry.find(id) ?? sessionNotFound(id);
}

/** Returns a scalar member of the append, undefined when it is absent, NaN when it is no JSON or longer than any good one. */
function scalarOf(message: DataView, member: number): unknown {
  const start = starts[member] as number;
  const end = ends[member] as number;
  if (start < 0) return undefined;
  if (end - start > memberSizeBytesMax) return Number.NaN;
  try {
    return JSON.parse(Buffer.from(message.buffer, message.byteOffset + start, end - start).toString("utf8"));
  } catch {
    return Number.NaN;
  }
}

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
  readonly #appends: SocketAppends;
  #refusal: Refusal | undefined;
  #first = 0;
  #count = 0;
  #isDuplicate = false;

  /** @param offset of the body in the slab. @param appends told when there is an outcome. */
  constructor(engine: Engine, append: FoundAppend, offset: number, appends: SocketAppends) {
    assert(offset >= 0, "the body lies in the slab");
    this.session = append.session;
    this.offset = offset;
    this.sizeBytes = append.end - append.start;
    this.bodyKind = append.kind;
    this.key = append.key;
    this.synced = append.synced;
    this.receivedMs = engine.clock.nowMs();
    this.#ref = append.ref;
    this.#engine = engine;
    this.#appends = appends;
  }

  settle(refusal: Refusal | undefined, first: number, count: number, duplicate: boolean): void {
    const { counters } = this.#engine;
    this.#refusal = refusal;
    this.#first = first;
    this.#count = count;
    this.#isDuplicate = duplicate;
    this.#appends.settled(this);
    if (refusal !== undefined) {
      counters.refusedBatchCount++;
      return;
    }
    counters.write++;
    if (duplicate) {
      counters.duplicateBatchCount++;
      return;
    }
    counters.storedEntryCount += count;
    counters.storedSizeBytes += this.sizeBytes;
  }

  /** Returns the message for the client, once settled; bytes are valid until the next answer is made. */
  answer(): string | Uint8Array {
    const refusal = this.#refusal;
    if (refusal !== undefined) return JSON.stringify({ type: "error", ref: this.#ref, ...refusalMembers(refusal) });
    return appendAck(this.#ref, this.#first, this.#count, this.synced, this.#isDuplicate);
  }
}
