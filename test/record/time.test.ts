import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { TimeReader } from "#src/record/time.hot.ts";

const reader = new TimeReader();
const int64Max = 2n ** 63n - 1n;

function value(valid: boolean): bigint | undefined {
  return valid ? (BigInt(reader.high) << 32n) | BigInt(reader.low >>> 0) : undefined;
}

/** Nanoseconds of a text, or undefined when it is none. */
function ofText(text: string): bigint | undefined {
  const bytes = utf8(`  ${text}"`);
  return value(reader.readText(bytes, 2, bytes.length - 1));
}

function ofNumber(literal: string): bigint | undefined {
  const bytes = utf8(` ${literal},`);
  return value(reader.readNumber(bytes, 1, bytes.length - 1));
}

/** Nanoseconds of 2026-11-20T10:00:00Z. */
const ten = 1_795_168_800_000_000_000n;

test("RFC 3339 text is read to the nanosecond", () => {
  const texts: [string, bigint][] = [
    ["2026-11-20T10:00:00Z", 0n],
    ["2026-11-20t10:00:00z", 0n],
    ["2026-11-20 10:00:00Z", 0n],
    ["2026-11-20T10:00:00.1Z", 100_000_000n],
    ["2026-11-20T10:00:00.123Z", 123_000_000n],
    ["2026-11-20T10:00:00.000001Z", 1000n],
    ["2026-11-20T10:00:00.123456789Z", 123_456_789n],
    ["2026-11-20T10:00:00.1234567899999Z", 123_456_789n],
    ["2026-11-20T11:30:00.5+01:30", 500_000_000n],
    ["2026-11-19T21:00:00-13:00", 0n],
    ["2026-11-20T10:00:00-00:00", 0n],
    ["2026-11-20T09:59:60.25Z", 250_000_000n],
  ];
  for (const [text, nanoseconds] of texts) assert.equal(ofText(text), ten + nanoseconds, text);
});

test("text that is no time is refused", () => {
  const texts = [
    "",
    "-",
    "now",
    "2026-11-20",
    "2026-11-20T10:00:00",
    "2026-11-20T10:00Z",
    "2026-11-20T10:00:00.Z",
    "2026-11-20T10:00:00.12",
    "2026-11-20T10:00:00ZZ",
    "2026-11-20T10:00:00Z ",
    "2026-11-20T10:00:00+0100",
    "2026-11-20T10:00:00+24:00",
    "2026-11-20T10:00:00+01:60",
    "2026-11-20T10:00:00+01:00:00",
    "2026-11-20_10:00:00Z",
    "2026/11/20T10:00:00Z",
    "2026-11-20T10.00.00Z",
    "2026-13-20T10:00:00Z",
    "2026-00-20T10:00:00Z",
    "2026-11-31T10:00:00Z",
    "2026-11-00T10:00:00Z",
    "2026-02-29T10:00:00Z",
    "2100-02-29T10:00:00Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T10:60:00Z",
    "2026-11-20T10:00:61Z",
    "2026-1x-20T10:00:00Z",
    "+2026-11-20T10:00:00Z",
    "20261-11-20T10:00:00Z",
    "Fri, 20 Nov 2026 10:00:00 GMT",
    "12a",
    "1.5",
    " 1",
  ];
  for (const text of texts) assert.equal(ofText(text), undefined, text);
  assert.equal(ofText("2024-02-29T00:00:00Z"), 1_709_164_800_000_000_000n);
  assert.equal(ofText("2000-02-29T00:00:00Z"), 951_782_400_000_000_000n);
});

test("a refused text leaves no trace in the next one", () => {
  assert.equal(ofText("2026-11-20T10:00:00Z"), ten);
  assert.equal(ofText("2026-11-20T10:00:0xZ"), undefined);
  assert.equal(ofText("2026-11-20T10:00:00.5Z"), ten + 500_000_000n);
  assert.equal(ofText("0001-01-01T00:00:00Z"), undefined);
  assert.equal(ofText("0001-01-01T00:00:00Z"), undefined);
  assert.equal(ofText("2026-11-20T10:00:01Z"), ten + 1_000_000_000n);
});

test("the ends of int64 are met exactly in every form", () => {
  assert.equal(ofText("2262-04-11T23:47:16.854775807Z"), int64Max);
  assert.equal(ofText("2262-04-11T23:47:16.854775808Z"), undefined);
  assert.equal(ofText("2262-04-12T00:47:16.854775807+01:00"), int64Max);
  assert.equal(ofText("1677-09-21T00:12:43.145224192Z"), -int64Max - 1n);
  assert.equal(ofText("1677-09-21T00:12:43.145224191Z"), undefined);
  assert.equal(ofText("9999-12-31T23:59:59Z"), undefined);
  assert.equal(ofText(String(int64Max)), int64Max);
  assert.equal(ofText(String(int64Max + 1n)), undefined);
  assert.equal(ofText(String(-int64Max - 1n)), -int64Max - 1n);
  assert.equal(ofText(String(-int64Max - 2n)), undefined);
  assert.equal(ofText("1".repeat(400)), undefined);
  assert.equal(ofNumber("9223372036854.775807"), int64Max);
  assert.equal(ofNumber("9223372036854.775808"), undefined);
  assert.equal(ofNumber("-9223372036854.775808"), -int64Max - 1n);
  assert.equal(ofNumber("-9223372036854.775809"), undefined);
});

test("digits in a text are nanoseconds, a number is milliseconds to the nanosecond", () => {
  assert.equal(ofText("0"), 0n);
  assert.equal(ofText("00012"), 12n);
  assert.equal(ofText("-1"), -1n);
  assert.equal(ofNumber("0"), 0n);
  assert.equal(ofNumber("-0"), 0n);
  assert.equal(ofNumber("1795168800123"), ten + 123_000_000n);
  assert.equal(ofNumber("1795168800123.4567891"), ten + 123_456_789n);
  assert.equal(ofNumber("-1"), -1_000_000n);
  assert.equal(ofNumber("-0.000001"), -1n);
  assert.equal(ofNumber("-1000.000001"), -1_000_000_001n);
  assert.equal(ofNumber("0.0000009"), 0n);
  assert.equal(ofNumber("1.7951688001234E12"), ten + 123_400_000n);
  assert.equal(ofNumber("17951688001234567e-4"), ten + 123_456_700n);
  assert.equal(ofNumber("1e-7"), 0n);
  assert.equal(ofNumber("1e+3"), 1_000_000_000n);
  assert.equal(ofNumber("1e400"), undefined);
  assert.equal(ofNumber("0e999999999999"), 0n);
  assert.equal(ofNumber("1e-999999999999"), 0n);
});

test("any nanosecond of int64 is read from digits and, within years of four digits, from a date", () => {
  const whole = fc.bigInt({ min: -int64Max - 1n, max: int64Max });
  fc.assert(
    fc.property(whole, fc.integer({ min: -1439, max: 1439 }), (nanoseconds, zoneMinutes) => {
      assert.equal(ofText(String(nanoseconds)), nanoseconds);
      const local = nanoseconds + BigInt(zoneMinutes) * 60_000_000_000n;
      const within = ((local % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
      const date = new Date(Number((local - within) / 1_000_000n)).toISOString().slice(0, 19);
      const hours = String(Math.floor(Math.abs(zoneMinutes) / 60)).padStart(2, "0");
      const minutes = String(Math.abs(zoneMinutes) % 60).padStart(2, "0");
      const zone = `${zoneMinutes < 0 ? "-" : "+"}${hours}:${minutes}`;
      assert.equal(ofText(`${date}.${String(within).padStart(9, "0")}${zone}`), nanoseconds);
    }),
    { numRuns: 2000 },
  );
});

test("any number literal is read like exact arithmetic reads it", () => {
  const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,14})$/);
  const fraction = fc.option(fc.stringMatching(/^[0-9]{1,12}$/), { nil: undefined });
  const exponent = fc.option(fc.integer({ min: -25, max: 25 }), { nil: undefined });
  fc.assert(
    fc.property(fc.boolean(), digits, fraction, exponent, (negative, whole, part, power) => {
      const literal = `${negative ? "-" : ""}${whole}${part === undefined ? "" : `.${part}`}${power === undefined ? "" : `e${power}`}`;
      const shift = 6 + (power ?? 0) - (part ?? "").length;
      const mantissa = BigInt(whole + (part ?? ""));
      const size = shift >= 0 ? mantissa * 10n ** BigInt(shift) : mantissa / 10n ** BigInt(-shift);
      const nanoseconds = negative ? -size : size;
      const isInRange = nanoseconds <= int64Max && nanoseconds >= -int64Max - 1n;
      assert.equal(ofNumber(literal), isInRange ? nanoseconds : undefined, literal);
    }),
    { numRuns: 5000 },
  );
});
