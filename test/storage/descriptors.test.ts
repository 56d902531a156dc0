/** The files that a writer keeps open. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DescriptorCache } from "#src/storage/descriptors.ts";
import { type FileLayer, systemFiles } from "#src/storage/files.ts";
import { withDataDir } from "./temporary.ts";

/** Counts what is opened and what is open. */
class CountedFiles {
  openedCount = 0;
  readonly open = new Set<number>();
  readonly files: FileLayer = {
    ...systemFiles,
    open: (path, mode) => {
      const descriptor = systemFiles.open(path, mode);
      this.openedCount++;
      this.open.add(descriptor);
      return descriptor;
    },
    close: (descriptor) => {
      systemFiles.close(descriptor);
      assert.ok(this.open.delete(descriptor), "only what is open is closed");
    },
  };
}

test("never more files are open than may be, and those in use stay open beside many that are used once", () =>
  withDataDir((dataDir) => {
    const counted = new CountedFiles();
    const cache = new DescriptorCache(counted.files, 4);
    const used = ["a", "b", "c"].map((name) => `${dataDir}/${name}`);
    for (const path of used) cache.create(path);
    for (let index = 0; index < 50; index++) {
      for (const path of used) cache.get(path);
      cache.create(`${dataDir}/once-${index}`);
      assert.equal(counted.open.size, 4);
      assert.equal(cache.count, 4);
    }
    assert.equal(counted.openedCount, 53, "nothing was opened twice");
    cache.closeAll();
    assert.equal(counted.open.size, 0);
  }));

test("when all are in use one is closed all the same, and opened again when it is wanted", () =>
  withDataDir((dataDir) => {
    const counted = new CountedFiles();
    const cache = new DescriptorCache(counted.files, 2);
    const paths = ["a", "b", "c"].map((name) => `${dataDir}/${name}`);
    for (const path of paths) cache.create(path);
    for (let round = 0; round < 30; round++) {
      const descriptor = cache.get(paths[round % 3] as string);
      assert.ok(counted.open.has(descriptor));
      assert.equal(counted.open.size, 2);
    }
    cache.closeAll();
    assert.equal(counted.open.size, 0);
  }));
