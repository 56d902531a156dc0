/**
 * Files in memory that remember what a disk would still have after power loss: synced pages, and of all others whichever
 * the test's dice keep. Directory entries are durable in the order they were made, up to some point behind the last sync.
 */
import type { AnyBytes } from "#src/base/bytes.ts";
import type { FileError, FileLayer, OpenMode } from "#src/storage/files.ts";

const pageSizeBytes = 512;

/** A number in [0, 1), from a seed. */
export type Dice = () => number;

/** Returns dice that fall the same way for the same seed (mulberry32). */
export function diceOf(seed: number): Dice {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns the error that a file operation would throw. */
export function fileError(code: string, what: string): FileError {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

/** What changed since the last sync: a page got new bytes, or the file another size. */
type Change = { readonly page: number; readonly bytes: Uint8Array } | { readonly sizeBytes: number };

class MemoryFile {
  /** What processes see. */
  bytes = new Uint8Array(0);
  /** What is on the disk for sure. */
  durable = new Uint8Array(0);
  pending: Change[] = [];

  write(source: Uint8Array, position: number): void {
    if (position + source.length > this.bytes.length) this.bytes = resized(this.bytes, position + source.length);
    this.bytes.set(source, position);
    for (let page = Math.floor(position / pageSizeBytes); page * pageSizeBytes < position + source.length; page++) {
      this.pending.push({ page, bytes: this.bytes.slice(page * pageSizeBytes, (page + 1) * pageSizeBytes) });
    }
  }

  truncate(sizeBytes: number): void {
    this.bytes = resized(this.bytes, sizeBytes);
    this.pending.push({ sizeBytes });
  }

  sync(): void {
    this.durable = this.bytes.slice();
    this.pending = [];
  }

  /** What may be found after power loss: unsynced pages are there or not, each for itself. */
  afterPowerLoss(dice: Dice): MemoryFile {
    const survivor = new MemoryFile();
    let bytes = this.durable.slice();
    const keepShare = dice();
    for (const change of this.pending) {
      if (dice() > keepShare) continue;
      if ("sizeBytes" in change) {
        bytes = resized(bytes, change.sizeBytes);
      } else {
        const position = change.page * pageSizeBytes;
        if (position + change.bytes.length > bytes.length) bytes = resized(bytes, position + change.bytes.length);
        bytes.set(change.bytes, position);
      }
    }
    survivor.bytes = bytes;
    survivor.durable = bytes.slice();
    return survivor;
  }
}

type Node = MemoryFile | MemoryDirectory;

class MemoryDirectory {
  entries = new Map<string, Node>();
  /** Entries as they were at the last sync, and after each change since. */
  history: Map<string, Node>[] = [new Map()];

  change(edit: (entries: Map<string, Node>) => void): void {
    edit(this.entries);
    this.history.push(new Map(this.entries));
  }

  sync(): void {
    this.history = [new Map(this.entries)];
  }

  afterPowerLoss(dice: Dice): MemoryDirectory {
    const survivor = new MemoryDirectory();
    const kept = this.history[Math.floor(dice() * this.history.length)] as Map<string, Node>;
    for (const [name, node] of kept) survivor.entries.set(name, node.afterPowerLoss(dice));
    survivor.sync();
    return survivor;
  }
}

export class MemoryFiles implements FileLayer {
  #root = new MemoryDirectory();
  #open = new Map<number, MemoryFile>();
  #nextDescriptor = 3;
  freeBytes = 2 ** 40;

  /** Returns the files of a machine whose power failed now. */
  afterPowerLoss(dice: Dice): MemoryFiles {
    const survivor = new MemoryFiles();
    survivor.#root = this.#root.afterPowerLoss(dice);
    return survivor;
  }

  /** Returns the files as another process sees them after this one was killed. */
  afterKill(): MemoryFiles {
    const survivor = new MemoryFiles();
    survivor.#root = this.#root;
    return survivor;
  }

  get openCount(): number {
    return this.#open.size;
  }

  content(path: string): Uint8Array {
    return this.#mustFile(path).bytes;
  }

  /** Replaces a file's content, as damage or a test's preparation does. */
  setContent(path: string, bytes: Uint8Array): void {
    const { directory, name } = this.#parent(path);
    const file = new MemoryFile();
    file.bytes = bytes.slice();
    file.sync();
    directory.change((entries) => entries.set(name, file));
    directory.sync();
  }

  /** The disk fails a sync: what was pending counts as written and is not. */
  failSync(descriptor: number): void {
    this.#file(descriptor).pending = [];
  }

  open(path: string, mode: OpenMode): number {
    const { directory, name } = this.#parent(path);
    let file = directory.entries.get(name);
    if (mode === "create") {
      if (file !== undefined) throw fileError("EEXIST", path);
      const made = new MemoryFile();
      directory.change((entries) => entries.set(name, made));
      file = made;
    }
    if (file === undefined) throw fileError("ENOENT", path);
    if (!(file instanceof MemoryFile)) throw fileError("EISDIR", path);
    this.#open.set(this.#nextDescriptor, file);
    return this.#nextDescriptor++;
  }

  close(descriptor: number): void {
    if (!this.#open.delete(descriptor)) throw fileError("EBADF", `${descriptor}`);
  }

  read(descriptor: number, target: AnyBytes, offset: number, sizeBytes: number, position: number): number {
    const found = this.#file(descriptor).bytes.subarray(position, position + sizeBytes);
    target.set(found, offset);
    return found.length;
  }

  write(descriptor: number, source: AnyBytes, offset: number, sizeBytes: number, position: number): number {
    this.#file(descriptor).write(source.slice(offset, offset + sizeBytes), position);
    return sizeBytes;
  }

  sizeOf(descriptor: number): number {
    return this.#file(descriptor).bytes.length;
  }

  truncate(descriptor: number, sizeBytes: number): void {
    this.#file(descriptor).truncate(sizeBytes);
  }

  syncData(descriptor: number): void {
    this.#file(descriptor).sync();
  }

  async syncDataAsync(descriptor: number): Promise<void> {
    this.syncData(descriptor);
  }

  syncDirectory(path: string): void {
    this.#directory(path).sync();
  }

  async syncDirectoryAsync(path: string): Promise<void> {
    this.syncDirectory(path);
  }

  rename(source: string, target: string): void {
    const from = this.#parent(source);
    const to = this.#parent(target);
    const node = from.directory.entries.get(from.name);
    if (node === undefined) throw fileError("ENOENT", source);
    if (from.directory !== to.directory) throw fileError("EXDEV", "only names of one directory are modelled");
    from.directory.change((entries) => {
      entries.delete(from.name);
      entries.set(to.name, node);
    });
  }

  link(source: string, target: string): void {
    const file = this.#mustFile(source);
    const { directory, name } = this.#parent(target);
    if (directory.entries.has(name)) throw fileError("EEXIST", target);
    directory.change((entries) => entries.set(name, file));
  }

  unlink(path: string): void {
    this.#mustFile(path);
    const { directory, name } = this.#parent(path);
    directory.change((entries) => entries.delete(name));
  }

  makeDirectory(path: string): void {
    const { directory, name } = this.#parent(path);
    if (directory.entries.has(name)) throw fileError("EEXIST", path);
    directory.change((entries) => entries.set(name, new MemoryDirectory()));
  }

  removeDirectory(path: string): void {
    if (this.#directory(path).entries.size > 0) throw fileError("ENOTEMPTY", path);
    const { directory, name } = this.#parent(path);
    directory.change((entries) => entries.delete(name));
  }

  list(path: string): string[] {
    return [...this.#directory(path).entries.keys()];
  }

  status(path: string): { sizeBytes: number; modifiedMs: number; isDirectory: boolean } | undefined {
    const node = this.#tryFind(path);
    if (node === undefined) return undefined;
    const isDirectory = node instanceof MemoryDirectory;
    return { sizeBytes: isDirectory ? 0 : node.bytes.length, modifiedMs: 0, isDirectory };
  }

  diskSpace(): { freeBytes: number; totalBytes: number } {
    return { freeBytes: this.freeBytes, totalBytes: 2 ** 40 };
  }

  #file(descriptor: number): MemoryFile {
    const file = this.#open.get(descriptor);
    if (file === undefined) throw fileError("EBADF", `${descriptor}`);
    return file;
  }

  #tryFind(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of namesOf(path)) {
      if (!(node instanceof MemoryDirectory)) return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  #directory(path: string): MemoryDirectory {
    const node = this.#tryFind(path);
    if (node === undefined) throw fileError("ENOENT", path);
    if (!(node instanceof MemoryDirectory)) throw fileError("ENOTDIR", path);
    return node;
  }

  #mustFile(path: string): MemoryFile {
    const node = this.#tryFind(path);
    if (node === undefined) throw fileError("ENOENT", path);
    if (!(node instanceof MemoryFile)) throw fileError("EISDIR", path);
    return node;
  }

  #parent(path: string): { directory: MemoryDirectory; name: string } {
    const names = namesOf(path);
    return { directory: this.#directory(names.slice(0, -1).join("/")), name: names[names.length - 1] as string };
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function resized(source: Uint8Array, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const target = new Uint8Array(sizeBytes);
  target.set(source.subarray(0, Math.min(source.length, sizeBytes)));
  return target;
}
