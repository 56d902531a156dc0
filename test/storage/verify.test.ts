import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentName } from "#src/storage/paths.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { writeSessionRecord } from "#src/storage/session-file.ts";
import { verifyDataDirectory } from "#src/storage/verify.ts";
import { idOf, mustAppend, Published, textsFrom } from "./blocks.ts";
import { MemoryFiles } from "./memory-files.ts";

const dataDir = "data";

function someSessions(): MemoryFiles {
  const files = new MemoryFiles();
  files.makeDirectory(dataDir);
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 3000, descriptorCountMax: 4 });
  for (const id of [idOf(1), idOf(2)]) {
    writer.adopt(id, { head: 0, segmentFirstSeq: 0, endPosition: 0 });
    const published = new Published();
    for (let block = 0; block < 8; block++) published.add(mustAppend(writer, id, textsFrom(published.head + 1, 5, 100)));
    const time = "2026-01-01T00:00:00.000Z";
    writeSessionRecord(
      files,
      dataDir,
      {
        id,
        metadata: {},
        status: "ended",
        created_at: time,
        updated_at: time,
        last_activity_at: time,
        ended_at: time,
        end_reason: null,
      },
      false,
    );
  }
  writer.close();
  return files;
}

test("a sound data directory has no findings, and everything in it was counted", () => {
  let progress = 0;
  const report = verifyDataDirectory(someSessions(), dataDir, (done, total) => {
    assert.ok(done >= progress && done <= total);
    progress = done;
  });
  assert.deepEqual([...report.findings, ...report.notes], []);
  assert.equal(report.sessionCount, 2);
  assert.equal(report.blockCount, 16);
  assert.equal(report.entryCount, 80);
  assert.equal(progress, report.sizeBytes);
});

test("what a kill leaves of a session that was just being made is no damage", () => {
  const files = someSessions();
  files.makeDirectory(`${dataDir}/sessions/${idOf(3)}`);
  const { findings, notes } = verifyDataDirectory(files, dataDir);
  assert.deepEqual([findings, notes.length], [[], 1]);
  assert.match(notes[0] ?? "", /making was interrupted/);
});

test("each kind of damage is a finding that names the file and what is lost", () => {
  const directory = `${dataDir}/sessions/${idOf(1)}`;
  const path = `${directory}/${segmentName(1, false)}`;
  const lastPath = `${directory}/${segmentName(31, false)}`;
  const cases: [RegExp, (files: MemoryFiles) => void][] = [
    [/session\.json is missing/, (files) => files.unlink(`${directory}/session.json`)],
    [/session\.json is damaged/, (files) => files.setContent(`${directory}/session.json`, new Uint8Array(3))],
    [/entries 1 to 5 are lost/, (files) => files.content(path).fill(7, 300, 400)],
    [/its header is damaged; its blocks are still read/, (files) => files.content(path).fill(7, 3, 4)],
    [
      /its header is damaged and no block can be read/,
      (files) => {
        files.unlink(`${directory}/00000000000000000001.idx`);
        files.content(path).fill(7, 3, 4000);
      },
    ],
    [/are damaged/, (files) => files.setContent(path, files.content(path).slice(0, -1))],
    [/torn write/, (files) => files.setContent(lastPath, files.content(lastPath).slice(0, -1))],
    [/are missing before/, (files) => files.setContent(path, files.content(path).slice(0, 64))],
  ];
  for (const [expected, damage] of cases) {
    const files = someSessions();
    damage(files);
    const { findings } = verifyDataDirectory(files, dataDir);
    assert.ok(
      findings.some((finding) => expected.test(finding)),
      `${expected}: ${findings.join("; ")}`,
    );
  }
  assert.equal(verifyDataDirectory(new MemoryFiles(), "nowhere").findings.length, 1);
});
