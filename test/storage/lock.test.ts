import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure } from "#src/storage/failure.ts";
import { type FileLayer, systemFiles as files } from "#src/storage/files.ts";
import { acquireLock, type DataDirectoryLock } from "#src/storage/lock.ts";
import { type Processes, systemProcesses } from "#src/storage/processes.ts";
import { withDataDir } from "./temporary.ts";

/** A machine whose processes and boot are told by the test. */
class Machine implements Processes {
  readonly starts = new Map<number, number>();
  boot = "boot-1";
  startOf = (pid: number) => this.starts.get(pid);
  bootId = () => this.boot;
}

let tokenCount = 0;
function lockOf(dataDir: string, machine: Processes, pid: number, nowMs = 1000, layer: FileLayer = files) {
  return acquireLock(layer, dataDir, machine, { pid, token: `t${++tokenCount}`, nowMs });
}

function mustLock(dataDir: string, machine: Processes, pid: number, nowMs = 1000): DataDirectoryLock {
  const lock = lockOf(dataDir, machine, pid, nowMs);
  if (isFailure(lock)) throw new Error(lock.message);
  return lock;
}

test("S1: a data directory is held by one live process, and the second is told which", () =>
  withDataDir((dataDir) => {
    const machine = new Machine();
    machine.starts.set(10, 500).set(11, 501);
    mustLock(dataDir, machine, 10);
    const second = lockOf(dataDir, machine, 11);
    assert.ok(isFailure(second) && second.code === "EBUSY" && second.message.includes("process 10"));
    assert.ok(isFailure(lockOf(dataDir, machine, 10)), "not even by itself again");
  }));

test("S1: the lock of a dead process, of a recycled pid and of another boot is taken over as after a crash", () =>
  withDataDir((dataDir) => {
    const machine = new Machine();
    machine.starts.set(10, 500);
    assert.equal(mustLock(dataDir, machine, 10).wasCrash, false);
    machine.starts.set(10, 777);
    const recycled = mustLock(dataDir, machine, 10);
    assert.deepEqual([recycled.wasCrash, recycled.trust.sameBoot], [true, true]);
    machine.starts.delete(10);
    machine.starts.set(11, 1);
    assert.equal(mustLock(dataDir, machine, 11).wasCrash, true);
    machine.boot = "boot-2";
    const rebooted = mustLock(dataDir, machine, 11);
    assert.deepEqual([rebooted.wasCrash, rebooted.trust.sameBoot], [true, false]);
  }));

test("a lock that was let go is taken at once, and files older than that are trusted also after later crashes", () =>
  withDataDir((dataDir) => {
    const machine = new Machine();
    machine.starts.set(10, 500);
    assert.deepEqual(mustLock(dataDir, machine, 10).trust, { sameBoot: false, syncedBeforeMs: 0 });
    machine.starts.set(10, 501);
    const second = mustLock(dataDir, machine, 10, 2000);
    assert.equal(second.release(3000), undefined);
    const third = mustLock(dataDir, machine, 10, 4000);
    assert.deepEqual([third.wasCrash, third.trust.syncedBeforeMs], [false, 3000]);
    machine.starts.set(10, 502);
    const fourth = mustLock(dataDir, machine, 10, 5000);
    assert.deepEqual([fourth.wasCrash, fourth.trust.syncedBeforeMs], [true, 3000]);
  }));

test("S1: of two that find a stale lock at the same time one gets it, whichever step they meet at", async () => {
  let operationCount = Number.POSITIVE_INFINITY;
  for (let meetAt = 1; meetAt < operationCount; meetAt++) {
    await withDataDir((dataDir) => {
      const machine = new Machine();
      machine.starts.set(10, 500);
      mustLock(dataDir, machine, 10);
      machine.starts.delete(10);
      machine.starts.set(11, 1).set(12, 2);
      let operations = 0;
      let other: DataDirectoryLock | unknown;
      const meeting = new Proxy(files, {
        get:
          (target, name: keyof FileLayer) =>
          (...values: never[]) => {
            if (++operations === meetAt) other = lockOf(dataDir, machine, 12);
            return (target[name] as (...values: never[]) => unknown)(...values);
          },
      });
      const one = lockOf(dataDir, machine, 11, 1000, meeting);
      const winners = [one, other].filter((lock) => lock !== undefined && !isFailure(lock as object)).length;
      assert.equal(winners, 1, `met at operation ${meetAt}`);
      operationCount = operations + 1;
    });
  }
  assert.ok(operationCount > 5);
});

test("this very process is found alive with its start time, and no process is found where there is none", () => {
  const processes = systemProcesses(files);
  assert.notEqual(processes.startOf(process.pid), undefined);
  assert.equal(processes.startOf(2 ** 22 + 1), undefined);
});

test("S1: where no file can be opened, a live process is not taken for dead, and no lock is taken without a start time", () => {
  let isFull = false;
  const crowded: FileLayer = {
    ...files,
    open: (path, mode) => {
      if (isFull && path.startsWith("/proc/")) throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
      return files.open(path, mode);
    },
  };
  const processes = systemProcesses(crowded);
  isFull = true;
  assert.equal(processes.startOf(process.pid), "unknown");
  assert.equal(processes.startOf(2 ** 22 + 1), undefined);
  withDataDir((dataDir) => {
    const refused = lockOf(dataDir, processes, process.pid);
    assert.ok(isFailure(refused) && refused.message.includes("start"));
    isFull = false;
    mustLock(dataDir, processes, process.pid);
    isFull = true;
    const held = lockOf(dataDir, processes, 1);
    assert.ok(isFailure(held) && held.code === "ETAILRACE", "who asks is not known");
  });
});
