import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BlockView } from "#src/record/scan.hot.ts";
import { systemFiles as files } from "#src/storage/files.ts";
import { loadKeyWindow } from "#src/storage/key-load.ts";
import { KeyWindow } from "#src/storage/key-window.ts";
import { recoverSession } from "#src/storage/recover.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import type { SegmentInfo, SessionRecord } from "#src/storage/types.ts";
import { verifyDataDirectory } from "#src/storage/verify.ts";
import { entriesOf, type ModelEntry } from "../record/entries.ts";
import type { idOf } from "./blocks.ts";
import { withDataDir } from "./temporary.ts";

const golden = fileURLToPath(new URL("../../../schema/golden", import.meta.url));

interface GoldenSession {
  id: ReturnType<typeof idOf>;
  record: SessionRecord;
  segments: SegmentInfo[];
  entries: (Omit<ModelEntry, "timeNs"> & { timeNs: string })[];
}

for (const version of ["v1"]) {
  test(`S8: a data directory made by format ${version} is read entry for entry, plain and archived`, () =>
    withDataDir((dataDir) => {
      // A copy: a start may change what it finds.
      cpSync(`${golden}/${version}`, dataDir, { recursive: true });
      assert.deepEqual(verifyDataDirectory(files, dataDir).findings, []);
      const { sessions } = JSON.parse(readFileSync(`${golden}/${version}.json`, "utf8")) as { sessions: GoldenSession[] };
      const reader = new SegmentReader({ files, dataDir });
      for (const session of sessions) {
        const recovered = recoverSession(files, dataDir, session.id, { sameBoot: false, syncedBeforeMs: 0 });
        assert.deepEqual(recovered.warnings, []);
        assert.deepEqual(recovered.record, session.record);
        assert.deepEqual(recovered.segments, session.segments);
        const found: ModelEntry[] = [];
        const view = new BlockView();
        const visitor = {
          block: (bytes: Uint8Array, offset: number) => found.push(...entriesOf(view.openBlock(bytes, offset))) > 0,
          gap: () => assert.fail("there is no gap"),
        };
        assert.equal(reader.readForward(session.id, recovered.segments, 0, visitor), undefined);
        assert.deepEqual(
          found.map((entry) => ({ ...entry, timeNs: String(entry.timeNs) })),
          session.entries,
        );
        const keys = loadKeyWindow(files, dataDir, session.id, recovered.segments);
        assert.ok(keys instanceof KeyWindow);
        assert.deepEqual(keys.lookup("golden", 3n, "3".padStart(32, "0")), { kind: "duplicate", first: 10, count: 9 });
      }
    }));
}
