/** Seeded changes of valid bodies, for fuzzing. */

type Random = () => number;

/** Returns numbers in [0, 1) that follow from `seed` (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const tokens = [
  ...[
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    "\r\n",
    " ",
    "\u0000",
    "\u001f",
    "é",
    "😀",
    "\\u",
    "\\ud800",
    "null",
    "true",
  ],
  ...[
    '"message":',
    '"msg":"x",',
    '"timestamp":',
    '"level":',
    '"entries":',
    '"fields":{',
    '"format":"{a}"',
    "1e999",
    "-",
    "0",
    "[[[[[[",
  ],
].map((text) => Buffer.from(text));
const words = [0, 1, 2, 4, 7, 8, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc];

/** Returns one of `seeds` with one to a few changes: bytes, pieces of itself or others, tokens of JSON. */
export function mutatedText(seeds: readonly Uint8Array[], random: Random): Buffer {
  let body = picked(seeds, random);
  const changeCount = 1 + below(4, random);
  for (let change = 0; change < changeCount; change++) {
    const at = below(body.length + 1, random);
    const size = below(Math.min(16, body.length - at + 1), random);
    const kind = below(8, random);
    if (kind === 0) changeByte(body, at, below(128, random));
    else if (kind === 1) changeByte(body, at, (body[at] ?? 0) ^ (1 << below(8, random)));
    else if (kind === 2) body = spliced(body, at, size, Buffer.alloc(0));
    else if (kind === 3) body = body.subarray(0, below(8, random) === 0 ? at : body.length);
    else if (kind === 4) body = spliced(body, at, 0, body.subarray(at, at + size));
    else if (kind === 5) body = spliced(body, at, size, picked(seeds, random).subarray(0, 1 + below(50, random)));
    else body = spliced(body, at, kind === 6 ? size : 0, tokens[below(tokens.length, random)] as Buffer);
  }
  return body;
}

/** Returns one of `seeds` with one to a few bytes or words changed, and at times cut or shifted. */
export function mutatedBinary(seeds: readonly Uint8Array[], random: Random): Buffer {
  let body = picked(seeds, random);
  const changeCount = 1 + below(3, random);
  for (let change = 0; change < changeCount; change++) {
    const at = below(body.length + 1, random);
    const kind = below(16, random);
    if (kind < 5) changeByte(body, at, below(256, random));
    else if (kind < 8) changeByte(body, at, (body[at] ?? 0) ^ (1 << below(8, random)));
    else if (kind < 10) changeByte(body, at, (body[at] ?? 0) + (kind === 8 ? 1 : -1));
    else if (kind < 14) changeWord(body, at - (kind % 2 === 0 ? at % 4 : 0), words[below(words.length, random)] as number);
    else if (kind === 14) body = body.subarray(0, below(4, random) === 0 ? at : body.length);
    else if (below(4, random) === 0) body = spliced(body, at, below(2, random), Buffer.alloc(below(5, random)));
  }
  return body;
}

function below(count: number, random: Random): number {
  return Math.floor(random() * count);
}

function picked(seeds: readonly Uint8Array[], random: Random): Buffer {
  return Buffer.from(seeds[below(seeds.length, random)] as Uint8Array);
}

function changeByte(body: Buffer, at: number, value: number): void {
  if (at < body.length) body[at] = value;
}

function changeWord(body: Buffer, at: number, value: number): void {
  if (at + 4 <= body.length) body.writeUInt32LE(value, at);
}

function spliced(body: Buffer, at: number, removed: number, piece: Uint8Array): Buffer {
  return Buffer.concat([body.subarray(0, at), piece, body.subarray(at + removed)]);
}
