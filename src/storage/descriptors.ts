/** The open files of one thread: the least recently used is closed when there are too many. */
import { assert } from "../base/assert.ts";
import { closeQuietly } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";

export class DescriptorCache {
  #files: FileLayer;
  #countMax: number;
  /** By path; a Map remembers the order in which they were last used. */
  #open = new Map<string, number>();

  constructor(files: FileLayer, countMax: number) {
    assert(countMax >= 1, "one file can be open");
    this.#files = files;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Returns a descriptor of `path`, open for reading and writing; valid until the next call of this object. */
  get(path: string): number {
    const descriptor = this.#open.get(path);
    if (descriptor === undefined) return this.#add(path, "write");
    this.#open.delete(path);
    this.#open.set(path, descriptor);
    return descriptor;
  }

  /** Makes the file `path`, which must not be there. */
  create(path: string): number {
    this.close(path);
    return this.#add(path, "create");
  }

  close(path: string): void {
    const descriptor = this.#open.get(path);
    if (descriptor === undefined) return;
    this.#open.delete(path);
    // What did not reach the disk shows when the file is synced.
    closeQuietly(this.#files, descriptor);
  }

  closeAll(): void {
    for (const path of [...this.#open.keys()]) this.close(path);
  }

  #add(path: string, mode: "write" | "create"): number {
    while (this.#open.size >= this.#countMax) this.#closeOldest();
    const descriptor = this.#files.open(path, mode);
    this.#open.set(path, descriptor);
    return descriptor;
  }

  #closeOldest(): void {
    for (const path of this.#open.keys()) {
      this.close(path);
      return;
    }
  }
}
