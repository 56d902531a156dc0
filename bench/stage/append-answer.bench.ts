/** Stage append-answer: what a stored batch is answered, beside putting the same text together as a string. */
import { appendAck, appendAnswer } from "#src/wire/append-answer.hot.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const answersOfRun = 1000;

export const stage: Stage = { name: "append-answer", cases };

function cases(): StageCase[] {
  const encoder = new TextEncoder();
  const target = new Uint8Array(256);
  const text = (first: number) => `{"first":${first},"cursor":${first},"count":1,"ack":"written"}`;
  const sizeBytes = text(1_000_000).length * answersOfRun;
  const sum = (make: (first: number) => number) => () => {
    let bytes = 0;
    for (let index = 0; index < answersOfRun; index++) bytes += make(1_000_000 + index);
    return bytes;
  };
  const bytes = sum((first) => appendAnswer(first, 1, false, false).length);
  const ack = sum((first) => appendAck(first, first, 1, false, false).length);
  const string = sum((first) => encoder.encodeInto(text(first), target).written);
  return [
    { name: "answer", count: answersOfRun, sizeBytes, run: bytes },
    { name: "ack", count: answersOfRun, sizeBytes, run: ack },
    { name: "answer as a string, encoded", count: answersOfRun, sizeBytes, run: string },
  ];
}

await runWhenMain(import.meta.url, stage);
