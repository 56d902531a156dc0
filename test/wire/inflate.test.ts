import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, gzipSync } from "node:zlib";
import fc from "fast-check";
import { compressFrameSync } from "lz4-napi";
import { type AnyBytes, utf8 } from "#src/base/bytes.ts";
import { bodyEncodingOf, inflate, isRefusal } from "#src/wire/inflate.ts";
import { Lz4Walk } from "#src/wire/lz4-size.hot.ts";
import type { Refusal } from "#src/wire/outcome.ts";
import { gist } from "./decoding.ts";

const limit = 64 * 1024 * 1024;
const text = utf8("GET /index.html took 3 ms. ".repeat(5000));

/** Inflates bytes that lie in shared memory between others. */
function inflated(encoding: "gzip" | "lz4", bytes: AnyBytes, limitBytes = limit): Uint8Array | Refusal {
  const slab = new Uint8Array(new SharedArrayBuffer(bytes.length + 20)).fill(0xff);
  slab.set(bytes, 7);
  return inflate(encoding, slab, 7, 7 + bytes.length, limitBytes);
}

function bytesOf(result: Uint8Array | Refusal): Buffer {
  assert.ok(result instanceof Uint8Array, "the body inflates");
  return Buffer.from(result);
}

function refusalOf(result: Uint8Array | Refusal): object {
  assert.ok(!(result instanceof Uint8Array), "the body is refused");
  return gist(result);
}

const broken = { code: "invalid_encoding" };

test("content encodings are known by name in any case", () => {
  assert.equal(bodyEncodingOf(""), "identity");
  assert.equal(bodyEncodingOf("Identity"), "identity");
  assert.equal(bodyEncodingOf(" GZIP "), "gzip");
  assert.equal(bodyEncodingOf("lz4"), "lz4");
  for (const name of ["br", "deflate", "zstd", "gzip, gzip", "gzip2"]) assert.equal(bodyEncodingOf(name), undefined);
});

test("what was compressed comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.boolean(), fc.boolean(), (bytes, contentChecksum, blockChecksums) => {
      assert.ok(bytesOf(inflated("gzip", gzipSync(bytes))).equals(bytes));
      const frame = compressFrameSync(Buffer.from(bytes), { contentChecksum, blockChecksums });
      assert.ok(bytesOf(inflated("lz4", frame)).equals(bytes));
    }),
    { numRuns: 300 },
  );
  assert.ok(bytesOf(inflated("gzip", gzipSync(text))).equals(text));
  assert.ok(bytesOf(inflated("lz4", compressFrameSync(Buffer.from(text)))).equals(text));
});

test("frames and members one behind the other are one body; skippable frames are nothing", () => {
  const frame = compressFrameSync(Buffer.from(text));
  const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const twice = Buffer.concat([text, text]);
  assert.ok(bytesOf(inflated("lz4", Buffer.concat([skippable, frame, skippable, frame]))).equals(twice));
  assert.ok(bytesOf(inflated("gzip", Buffer.concat([gzipSync(text), gzipSync(text)]))).equals(twice));
  assert.equal(bytesOf(inflated("lz4", skippable)).length, 0);
  const empty = compressFrameSync(Buffer.alloc(0));
  assert.equal(bytesOf(inflated("lz4", Buffer.concat(Array.from({ length: 3000 }, () => empty)))).length, 0);
  const tiny = compressFrameSync(Buffer.from("x"));
  assert.deepEqual(refusalOf(inflated("lz4", Buffer.concat(Array.from({ length: 3000 }, () => tiny)))), broken);
});

test("a body that is cut or goes on is broken", () => {
  const frame = compressFrameSync(Buffer.from("some text that is short"), { contentChecksum: true });
  for (let size = 0; size < frame.length; size++) assert.deepEqual(refusalOf(inflated("lz4", frame.subarray(0, size))), broken);
  assert.deepEqual(refusalOf(inflated("lz4", Buffer.concat([frame, Buffer.from("more")]))), broken);
  assert.deepEqual(refusalOf(inflated("lz4", gzipSync(text))), broken);
  const member = gzipSync("some text that is short");
  for (let size = 0; size < member.length; size++)
    assert.deepEqual(refusalOf(inflated("gzip", member.subarray(0, size))), broken);
  assert.deepEqual(refusalOf(inflated("gzip", Buffer.concat([member, Buffer.from("more")]))), broken);
  assert.deepEqual(refusalOf(inflated("gzip", frame)), broken);
});

test("a body that does not match its checksum is broken", () => {
  const member = gzipSync(text);
  member[member.length - 6] = (member[member.length - 6] as number) ^ 1;
  assert.deepEqual(refusalOf(inflated("gzip", member)), broken);
  const frame = compressFrameSync(Buffer.from(text), { contentChecksum: true });
  frame[frame.length - 1] = (frame[frame.length - 1] as number) ^ 1;
  assert.deepEqual(refusalOf(inflated("lz4", frame)), broken);
});

test("a body may come to its limit and not to one byte more", () => {
  for (const encoding of ["gzip", "lz4"] as const) {
    const body = encoding === "gzip" ? gzipSync(text) : compressFrameSync(Buffer.from(text));
    assert.equal(bytesOf(inflated(encoding, body, text.length)).length, text.length);
    assert.deepEqual(refusalOf(inflated(encoding, body, text.length - 1)), { code: "payload_too_large", limit: text.length - 1 });
  }
});

test("a bomb is refused before memory is spent on it", () => {
  const zeros = Buffer.alloc(256 * 1024 * 1024);
  const member = gzipSync(zeros, { level: 1 });
  const frame = compressFrameSync(zeros);
  const small = 1024 * 1024;
  const before = process.memoryUsage().arrayBuffers;
  for (const [encoding, body] of [["gzip", member] as const, ["lz4", frame] as const]) {
    assert.deepEqual(refusalOf(inflated(encoding, body, small)), { code: "payload_too_large", limit: small });
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 32 * small);
});

test("a block of an LZ4 frame that says more than it may is broken, not large", () => {
  // One block of 64 KiB at most, whose only match goes on for 1 MB.
  const block = Buffer.concat([
    Buffer.from([0x1f, 0x61, 1, 0]),
    Buffer.alloc(4000, 0xff),
    Buffer.from([0, 0x50]),
    Buffer.from("abcde"),
  ]);
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length);
  const body = Buffer.concat([header, size, block, Buffer.alloc(4)]);
  const walk = new Lz4Walk();
  assert.equal(walk.frame(body, 0, body.length, limit), body.length);
  assert.equal(walk.sizeBytes, 1 + 4 + 15 + 4000 * 255 + 5);
  assert.deepEqual(refusalOf(inflated("lz4", body)), broken);
});

test("a refusal is told from bytes", () => {
  const body = gzipSync("x");
  const result = inflate("gzip", body, 0, body.length, 10);
  assert.equal(isRefusal(result), false);
  assert.equal(isRefusal(inflate("gzip", body, 0, 5, 10)), true);
  assert.equal(crc32("x"), crc32(result as Uint8Array));
});
