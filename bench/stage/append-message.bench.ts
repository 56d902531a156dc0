/** Stage append-message: finding the parts of a WebSocket append, by reading or by its pattern, beside JSON.parse of the same. */
import { AppendMessage } from "#src/wire/append-message.hot.ts";
import { AppendPattern } from "#src/wire/append-pattern.hot.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

/** One message with one entry, and one with a hundred. */
export const stage: Stage = { name: "append-message", cases };

function cases(): StageCase[] {
  return [...rows("1 entry", 1), ...rows("100 entries", 100)];
}

function rows(name: string, entryCount: number): StageCase[] {
  const entries = Array.from({ length: entryCount }, (_, index) => ({
    timestamp: "2026-11-20T10:00:00.123Z",
    level: "info",
    logger: "LogNet",
    message: `Connection ${index} accepted from 10.0.0.7, with a text of usual length`,
  }));
  const text = JSON.stringify({ type: "append", ref: 7, session: "a".repeat(24), entries });
  const bytes = new Uint8Array(Buffer.from(text));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const message = new AppendMessage();
  const find = (): number => {
    let found = 0;
    for (let round = 0; round < 100; round++) if (message.read(view, bytes.length)) found += message.ends[5] ?? 0;
    return found;
  };
  const pattern = new AppendPattern();
  message.read(view, bytes.length);
  pattern.learn(view, message);
  const compare = (): number => {
    let found = 0;
    for (let round = 0; round < 100; round++) if (pattern.find(view, bytes.length, message)) found += message.ends[5] ?? 0;
    return found;
  };
  const parse = (): number => {
    let found = 0;
    for (let round = 0; round < 100; round++) found += (JSON.parse(Buffer.from(bytes).toString()) as { ref: number }).ref;
    return found;
  };
  return [
    { name, count: 100, sizeBytes: bytes.length * 100, run: find },
    { name: `${name}, like the one before`, count: 100, sizeBytes: bytes.length * 100, run: compare },
    { name: `${name}, JSON.parse`, count: 100, sizeBytes: bytes.length * 100, run: parse },
  ];
}

await runWhenMain(import.meta.url, stage);
