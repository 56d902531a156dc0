/** Program: any number of subscribers. Each one counts bytes and remembers the cursor it has reached. */
import type { Socket } from "node:net";
import { machineMs } from "../parts/clock.ts";
import { serveCalls } from "../parts/program.ts";
import { Series } from "../parts/statistics.ts";
import { clientFrame, FrameReader, jsonCursorOf, openWebSocket } from "./web-socket.ts";

export interface FollowTask {
  readonly port: number;
  readonly path: string;
  readonly protocol: string;
  /** First messages; the n-th socket sends the n-th of them, in turn. */
  readonly subscribe: readonly string[];
  readonly count: number;
  /** All that comes; nothing; or a kilobyte a second. */
  readonly pace: "full" | "never" | "slow";
}

export interface CollectTask {
  /** Number of the group, as `open` returned it. */
  readonly group: number;
  /** Where followers of each first message are to arrive. */
  readonly cursors: readonly number[];
}

export interface Collected {
  /** When the last one arrived, on the machine's clock. */
  readonly atMs: number;
  readonly sizeBytes: number;
}

export interface Arrivals {
  readonly cursors: Float64Array;
  readonly timesMs: Float64Array;
}

const openBrace = 0x7b;
const binaryCursorAt = 24;
const openedAtOnceCount = 50;
const slowReadBytes = 1024;
const slowReadMs = 1000;

class Follower {
  readonly key: number;
  readonly socket: Socket;
  readonly #reader: FrameReader;
  readonly #onMessage: (follower: Follower) => void;
  cursor = 0;
  sizeBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(key: number, socket: Socket, onMessage: (follower: Follower) => void) {
    this.key = key;
    this.socket = socket;
    this.#onMessage = onMessage;
    this.#reader = new FrameReader(socket, (head, sizeBytes) => this.#receive(head, sizeBytes));
  }

  start(pace: FollowTask["pace"]): void {
    if (pace === "full") {
      this.socket.on("data", (chunk: Buffer) => this.#reader.add(chunk));
      this.socket.resume();
    } else if (pace === "slow") {
      this.#timer = setInterval(() => {
        const chunk = this.socket.read(slowReadBytes) as Buffer | null;
        if (chunk !== null) this.#reader.add(chunk);
      }, slowReadMs);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.socket.destroy();
  }

  #receive(head: Buffer, sizeBytes: number): void {
    const isText = head[0] === openBrace;
    // Heads of other messages have cursors too: `subscribed` says where it begins.
    const cursor = isText ? jsonCursorOf(head) : Number(head.readBigUInt64LE(binaryCursorAt));
    if (cursor <= this.cursor) return;
    this.cursor = cursor;
    this.sizeBytes += sizeBytes;
    this.#onMessage(this);
  }
}

class Group {
  readonly #followers: Follower[] = [];
  readonly #cursors = new Series();
  readonly #timesMs = new Series();
  #isRecording = false;
  #onArrived = (_: Follower) => {};

  async open({ subscribe, count, pace, ...target }: FollowTask): Promise<void> {
    for (let index = 0; index < count; index += openedAtOnceCount) {
      const some = Array.from({ length: Math.min(openedAtOnceCount, count - index) }, () => openWebSocket(target));
      for (const socket of await Promise.all(some)) this.#add(socket, subscribe, pace);
    }
  }

  /** Notes each arrival from now on; for groups of one. */
  record(): void {
    this.#isRecording = true;
  }

  arrivals(): Arrivals {
    return { cursors: this.#cursors.take(), timesMs: this.#timesMs.take() };
  }

  collect(cursors: readonly number[]): Promise<Collected> {
    const sizeBefore = this.#sizeBytes();
    const isThere = (follower: Follower) => follower.cursor >= (cursors[follower.key] ?? 0);
    const missing = new Set(this.#followers.filter((follower) => !isThere(follower)));
    return new Promise((resolve) => {
      const finish = () => {
        this.#onArrived = () => {};
        resolve({ atMs: machineMs(), sizeBytes: this.#sizeBytes() - sizeBefore });
      };
      if (missing.size === 0) return finish();
      this.#onArrived = (follower) => {
        if (isThere(follower) && missing.delete(follower) && missing.size === 0) finish();
      };
    });
  }

  close(): void {
    for (const follower of this.#followers) follower.close();
  }

  #add(socket: Socket, subscribe: readonly string[], pace: FollowTask["pace"]): void {
    const key = this.#followers.length % subscribe.length;
    const follower = new Follower(key, socket, (one) => this.#received(one));
    this.#followers.push(follower);
    socket.on("error", () => {});
    socket.write(clientFrame(Buffer.from(subscribe[key] as string), true));
    follower.start(pace);
  }

  #received(follower: Follower): void {
    if (this.#isRecording) {
      this.#cursors.add(follower.cursor);
      this.#timesMs.add(machineMs());
    }
    this.#onArrived(follower);
  }

  #sizeBytes(): number {
    return this.#followers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
}

const groups: Group[] = [];

async function open(task: FollowTask): Promise<number> {
  const group = new Group();
  groups.push(group);
  await group.open(task);
  return groups.length - 1;
}

function groupOf(index: number): Group {
  const group = groups[index];
  if (group === undefined) throw new Error(`there is no group ${index}`);
  return group;
}

serveCalls({
  open,
  record: (group: number) => groupOf(group).record(),
  arrivals: (group: number) => groupOf(group).arrivals(),
  collect: ({ group, cursors }: CollectTask) => groupOf(group).collect(cursors),
  close: (group: number) => groupOf(group).close(),
  cpuSeconds: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
});
