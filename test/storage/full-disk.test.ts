import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SessionId } from "#src/base/ids.ts";
import { checkDisk } from "#src/storage/disk.ts";
import { isFailure } from "#src/storage/failure.ts";
import { systemFiles as files } from "#src/storage/files.ts";
import { recoverSession } from "#src/storage/recover.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { append, idOf, Published, readBack, textsFrom } from "./blocks.ts";
import { withDataDir } from "./temporary.ts";

const newTail = { head: 0, segmentFirstSeq: 0, endPosition: 0 };
const sameBoot = { sameBoot: true, syncedBeforeMs: 0 };

function tryMount(directory: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", directory]).status === 0;
}

test("S4: a disk that runs full refuses batches, keeps all acknowledged ones readable, and goes on when there is room", async (context) => {
  await withDataDir((parent) => {
    const dataDir = `${parent}/small`;
    mkdirSync(dataDir);
    if (!tryMount(dataDir)) return context.skip("this machine does not allow a mount");
    try {
      fillAndGoOn(dataDir, (text) => context.diagnostic(text));
    } finally {
      execFileSync("umount", [dataDir]);
    }
  });
});

function fillAndGoOn(dataDir: string, tell: (text: string) => void): void {
  writeFileSync(`${dataDir}/other`, new Uint8Array(1024 * 1024));
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 300_000, descriptorCountMax: 4 });
  const sessions = new Map<SessionId, Published>([1, 2, 3, 4, 5].map((number) => [idOf(number), new Published()]));
  for (const id of sessions.keys()) writer.adopt(id, newTail);
  let refusedCount = 0;
  let sinceRoom = 0;
  const round = (): void => {
    for (const [id, published] of sessions) {
      const appended = append(writer, id, textsFrom(published.head + 1, 20, 300));
      if (!isFailure(appended)) {
        published.add(appended);
        sinceRoom++;
        continue;
      }
      assert.equal(appended.code, "ENOSPC");
      refusedCount++;
    }
  };
  while (refusedCount < 100) round();
  assert.equal(writer.probe()?.code, "ENOSPC");
  const disk = checkDisk(files, dataDir, 64 * 1024);
  assert.ok(!isFailure(disk) && disk.isLow);
  for (const [id, published] of sessions)
    assert.equal(readBack(files, dataDir, id, published.segments).entries.size, published.head);
  rmSync(`${dataDir}/other`);
  sinceRoom = 0;
  assert.equal(writer.probe(), undefined);
  for (let count = 0; count < 10; count++) round();
  assert.equal(sinceRoom, 50, "every batch is taken again at once");
  writer.close();
  let entryCount = 0;
  for (const [id, published] of sessions) {
    const recovered = recoverSession(files, dataDir, id, sameBoot);
    assert.deepEqual([recovered.tail.head, recovered.warnings], [published.head, []]);
    const { entries, gaps } = readBack(files, dataDir, id, recovered.segments);
    assert.deepEqual(gaps, []);
    for (let seq = 1; seq <= published.head; seq++) assert.equal(entries.get(seq), textsFrom(seq, 1, 300)[0]);
    entryCount += entries.size;
  }
  tell(`${entryCount} entries acknowledged and read back, ${refusedCount} batches refused`);
}

test("S4: where files may not grow any more, the next batch begins a new segment", () =>
  withDataDir((dataDir) => {
    const child = fileURLToPath(new URL("append-under-limit.js", import.meta.url));
    // 512 KiB a file, while segments may have 64 MiB.
    const output = execFileSync("bash", ["-c", 'ulimit -f 512; exec "$0" "$1" "$2"', process.execPath, child, dataDir], {
      encoding: "utf8",
    });
    const { head, refusedCodes } = JSON.parse(output) as { head: number; refusedCodes: string[] };
    assert.deepEqual([...new Set(refusedCodes)], ["EFBIG"]);
    assert.ok(refusedCodes.length < 10);
    const recovered = recoverSession(files, dataDir, idOf(1), sameBoot);
    assert.deepEqual([recovered.tail.head, recovered.warnings], [head, []]);
    assert.equal(readBack(files, dataDir, idOf(1), recovered.segments).entries.size, head);
  }));
