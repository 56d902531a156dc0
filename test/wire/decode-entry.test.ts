import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyKind } from "#src/wire/body-kind.ts";
import { entryIn, gist, receivedNs, refusalIn } from "./decoding.ts";

const info = 3;

/** Decodes one entry object. */
function entry(json: string) {
  return entryIn(json);
}

function refused(json: string): object {
  return gist(refusalIn(bodyKind.json, json));
}

function invalid(field: string): object {
  return { code: "invalid_entry", index: 0, field };
}

test("a plain entry has time, level, logger and message", () => {
  assert.deepEqual(entry('{"timestamp":"2026-11-20T10:00:00.123456789Z","level":"info","logger":"LogNet","message":"up"}'), {
    timeNs: 1_795_168_800_123_456_789n,
    level: info,
    text: "up",
    logger: "LogNet",
  });
});

test("only the message is needed; the receive time stands for a missing time stamp", () => {
  assert.deepEqual(entry('{"message":""}'), { timeNs: receivedNs, level: 0, text: "" });
});

test("a structured entry is rendered, and keeps template and fields", () => {
  assert.deepEqual(entry('{"format":"{user} has {n}","fields":{"user":"ann","n":2}}'), {
    timeNs: receivedNs,
    level: 0,
    text: "ann has 2",
    template: "{user} has {n}",
    fields: '{"user":"ann","n":2}',
  });
});

test("a format renders without fields and with other members", () => {
  assert.equal(entry('{"format":"plain"}').text, "plain");
  assert.deepEqual(entry('{"format":"{a}-{b}","fields":{"a":1},"b":2}').text, "1-2");
  assert.deepEqual(entry('{"format":"","message":null}').template, "");
});

test("a message beside a format is kept as a field unless it says what was rendered", () => {
  assert.equal(entry('{"message":"a 1","format":"a {n}","fields":{"n":1}}').fields, '{"n":1}');
  const other = entry('{"format":"a {n}","msg":"b\\u0041","fields":{"n":1}}');
  assert.equal(other.text, "a 1");
  assert.equal(other.fields, '{"n":1,"msg":"b\\u0041"}');
  assert.equal(entry('{"message":"x","format":"y"}').fields, '{"message":"x"}');
});

test("aliases stand for timestamp, message, logger and fields", () => {
  for (const name of ["timestamp", "@timestamp", "time", "ts"]) {
    const json = `{"${name}":"2026-11-20T10:00:01Z","msg":"m","name":"n","data":{"a":1}}`;
    const expected = { timeNs: receivedNs + 1_000_000_000n, level: 0, text: "m", logger: "n", fields: '{"a":1}' };
    assert.deepEqual(entry(json), expected);
  }
});

test("a canonical name wins over its alias, which becomes a field", () => {
  for (const members of ['"message":"a","msg":"b"', '"msg":"b","message":"a"']) {
    assert.deepEqual(entry(`{${members}}`), { timeNs: receivedNs, level: 0, text: "a", fields: '{"msg":"b"}' });
  }
  const both = entry('{"time":"never","x":0,"timestamp":7,"name":"b","logger":"a","data":[1],"fields":{"y":1},"message":""}');
  assert.equal(both.timeNs, 7_000_000n);
  assert.equal(both.logger, "a");
  assert.equal(both.fields, '{"y":1,"time":"never","x":0,"name":"b","data":[1]}');
  assert.equal(entry('{"data":{"b":2},"fields":{"a":1},"message":""}').fields, '{"a":1,"data":{"b":2}}');
});

test("of a known member that comes twice the last counts", () => {
  const json = '{"message":"a long one","message":"b","level":"info","level":"err","fields":{"a":1},"fields":{"b":2}}';
  assert.deepEqual(entry(json), { timeNs: receivedNs, level: 5, text: "b", fields: '{"b":2}' });
  assert.equal(entry('{"message":"","timestamp":1,"timestamp":2}').timeNs, 2_000_000n);
  assert.equal(entry('{"message":"","logger":"a","logger":"b"}').logger, "b");
});

test("null counts as absent", () => {
  const json = '{"message":"m","timestamp":null,"level":null,"logger":null,"fields":null,"format":null}';
  assert.deepEqual(entry(json), { timeNs: receivedNs, level: 0, text: "m" });
  assert.equal(entry('{"message":null,"msg":"m"}').text, "m");
  assert.deepEqual(refused('{"message":null}'), invalid("message"));
  assert.deepEqual(refused('{"message":"a","message":null}'), invalid("message"));
  assert.deepEqual(entry('{"message":"m","logger":"a","logger":null,"level":"info","level":null}'), {
    timeNs: receivedNs,
    level: 0,
    text: "m",
  });
  assert.equal(entry('{"msg":"m","message":"x","message":null}').text, "m");
});

test("any other member becomes a field behind those of fields, in order, as it was sent", () => {
  const json = '{ "z" : [ 1 , 2 ] , "message":"m", "fields" : { "b" : 1.50 , "b" : 2 } , "a\\u0062" : { "x" : "  " } , "seq":3 }';
  assert.equal(entry(json).fields, '{"b":1.50,"b":2,"z":[1,2],"a\\u0062":{"x":"  "},"seq":3}');
  assert.equal(entry('{"message":"m","fields":{},"a":1}').fields, '{"a":1}');
  assert.equal(entry('{"message":"m","fields":{ }}').fields, "{}");
  assert.equal(entry('{"message":"m","__proto__":{"a":1},"":0}').fields, '{"__proto__":{"a":1},"":0}');
});

test("names that are written with escapes are the same names", () => {
  const json = '{"\\u006dessage":"m","l\\u0065vel":"info","m\\u0065ssag":1}';
  assert.deepEqual(entry(json), { timeNs: receivedNs, level: info, text: "m", fields: '{"m\\u0065ssag":1}' });
});

test("names that only begin like known ones are others", () => {
  for (const name of [
    "messages",
    "messag",
    "times",
    "timestamps",
    "tim",
    "msgs",
    "levels",
    "leve",
    "ts2",
    "t",
    "@time",
    "@timestampx",
  ]) {
    assert.equal(entry(`{"message":"m","${name}":1}`).fields, `{"${name}":1}`);
  }
});

test("every spelling of a level is taken in any case", () => {
  const spellings = {
    trace: 1,
    veryverbose: 1,
    debug: 2,
    verbose: 2,
    info: 3,
    display: 3,
    log: 3,
    warn: 4,
    warning: 4,
    error: 5,
    err: 5,
    critical: 6,
    fatal: 6,
  };
  for (const [name, level] of Object.entries(spellings)) {
    const mixed = name.charAt(0).toUpperCase() + name.slice(1);
    for (const spelling of [name, name.toUpperCase(), mixed]) {
      assert.equal(entry(`{"message":"","level":"${spelling}"}`).level, level, spelling);
    }
    assert.deepEqual(refused(`{"message":"","level":"${name}x"}`), invalid("level"));
  }
  for (let number = 1; number <= 6; number++) assert.equal(entry(`{"message":"","level":${number}0}`).level, number);
  assert.equal(entry('{"message":"","level":3e1}').level, info);
  assert.equal(entry('{"message":"","level":"in\\u0066o"}').level, info);
  for (const level of ['""', '"in"', '"INFOS"', '"30"', "9", "61", "60.5", "70", "-30", "true", "[]", "{}", "1e400"]) {
    assert.deepEqual(refused(`{"message":"","level":${level}}`), invalid("level"), level);
  }
});

test("a line of pino needs no message and keeps what it does not know", () => {
  const json = '{"level":30,"time":1795168800123,"pid":17,"hostname":"h","reqId":"r-1"}';
  assert.deepEqual(entry(json), {
    timeNs: 1_795_168_800_123_000_000n,
    level: info,
    text: "",
    fields: '{"pid":17,"hostname":"h","reqId":"r-1"}',
  });
  assert.equal(entry('{"level":30,"name":{"first":"a"},"msg":"m"}').fields, '{"name":{"first":"a"}}');
  assert.equal(entry('{"level":30,"data":[1,2],"msg":"m"}').fields, '{"data":[1,2]}');
  assert.deepEqual(refused('{"level":"info","pid":17}'), invalid("message"));
  assert.deepEqual(refused('{"level":60,"level":"info"}'), invalid("message"));
});

test("a member that cannot be what it is named refuses the batch and is named", () => {
  assert.deepEqual(refused("{}"), invalid("message"));
  assert.deepEqual(refused('{"message":1}'), invalid("message"));
  assert.deepEqual(refused('{"msg":{}}'), invalid("message"));
  assert.deepEqual(refused('{"message":"m","logger":1}'), invalid("logger"));
  assert.deepEqual(refused('{"format":[]}'), invalid("format"));
  assert.deepEqual(refused('{"message":"m","fields":[]}'), invalid("fields"));
  assert.deepEqual(refused('{"message":"m","fields":"{}"}'), invalid("fields"));
  assert.deepEqual(refused('{"message":"m","timestamp":"yesterday"}'), invalid("timestamp"));
  assert.deepEqual(refused('{"message":"m","ts":true}'), invalid("timestamp"));
});

test("escapes become their characters; lone surrogates stay, halves that meet are one character", () => {
  const text = '\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u2713\\ud83d\\ude00|\\ud83d|\\ude00|\\ud83d\\ud83d\\ude00|\\uD83Dx';
  const decoded = JSON.parse(`"${text}"`);
  const taken = entry(`{"message":"${text}","logger":"${text}","format":"${text}"}`);
  assert.equal(taken.logger, decoded);
  assert.equal(taken.template, decoded);
  assert.equal(entry(`{"message":"${text}"}`).text, decoded);
  assert.equal(entry(`{"message":"","fields":{"a":"${text}"}}`).fields, `{"a":"${text}"}`);
});

test("white space is taken wherever JSON has it", () => {
  const json = ' \t\r\n{ "message" \n:\t"m" , "fields" : { "a" : [ ] , "b" : { } , "c" : [ true , null , -0.5E+3 ] } } \n';
  assert.equal(entry(json).fields, '{"a":[],"b":{},"c":[true,null,-0.5E+3]}');
});
