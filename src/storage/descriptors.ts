/**
 * The open files of one thread. When there are too many, one is closed that was not used lately: the oldest gets a second chance
 * if it was (the CLOCK of F. J. Corbató, "A Paging Experiment with the Multics System", 1968).
 */
import { assert } from "../base/assert.ts";
import { closeQuietly } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";

interface OpenFile {
  readonly descriptor: number;
  /** Since it was looked at for closing. */
  isUsed: boolean;
}

export class DescriptorCache {
  #files: FileLayer;
  #countMax: number;
  /** By path, in the order in which they are looked at for closing. */
  #open = new Map<string, OpenFile>();

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
    const file = this.#open.get(path);
    if (file === undefined) return this.#add(path, "write");
    file.isUsed = true;
    return file.descriptor;
  }

  /** Makes the file `path`, which must not be there. */
  create(path: string): number {
    this.close(path);
    return this.#add(path, "create");
  }

  close(path: string): void {
    const file = this.#open.get(path);
    if (file === undefined) return;
    this.#open.delete(path);
    // What did not reach the disk shows when the file is synced.
    closeQuietly(this.#files, file.descriptor);
  }

  closeAll(): void {
    for (const path of [...this.#open.keys()]) this.close(path);
  }

  #add(path: string, mode: "write" | "create"): number {
    while (this.#open.size >= this.#countMax) this.#closeOne();
    const descriptor = this.#files.open(path, mode);
    this.#open.set(path, { descriptor, isUsed: false });
    return descriptor;
  }

  #closeOne(): void {
    // A Map is walked to what is put behind its end meanwhile: those with a second chance are met again, unused.
    for (const [path, file] of this.#open) {
      if (!file.isUsed) return this.close(path);
      file.isUsed = false;
      this.#open.delete(path);
      this.#open.set(path, file);
    }
  }
}
