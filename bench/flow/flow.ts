/** What a flow is: something that is measured in rounds, in turn with its reference. */
import type { Program } from "../parts/program.ts";

/** One measurement. */
export interface Sample {
  /** Units (entries, requests, pages, deliveries) that were done. */
  readonly count: number;
  readonly seconds: number;
  /** Bytes that crossed the socket or were looked at. */
  readonly sizeBytes: number;
  /** CPU time of what is measured: the server, or the reference's process. */
  readonly serverCpuSeconds: number;
  readonly generatorCpuSeconds: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly p999Ms?: number;
  /** Units per second that the same load reaches against a bare sink: the generator must not be the limit. */
  readonly generatorRate?: number;
  /** Processors that others kept busy meanwhile; set by whoever took the sample. */
  readonly othersBusy?: number;
  /** What else is to be said beside the row; the last round's is shown. */
  readonly note?: string;
}

/** What of two samples is compared: units per second, 99th percentile, seconds, or bytes. */
export type Measure = "rate" | "p99" | "seconds" | "bytes";

export interface Target {
  readonly bound: "at least" | "at most";
  readonly ratio: number;
}

/** A flow that was set up: takes one measurement at a call. */
export interface Contest {
  subject(): Promise<Sample>;
  /** Left out: there is nothing to compare with. */
  readonly reference?: () => Promise<Sample>;
  close(): Promise<void>;
}

export interface Flow {
  /** Words from general to special, with slashes: what `--only` looks through. */
  readonly name: string;
  /** What `count` counts. */
  readonly unit: string;
  readonly measure: Measure;
  /** What it is compared with, in words. */
  readonly reference: string;
  readonly target?: Target;
  /** Part of a run without `--all`. */
  readonly isDefault: boolean;
  /** Rounds at most: for flows that take long. */
  readonly roundCountMax?: number;
  /** Why it can't run here; undefined: it can. */
  readonly missing?: () => string | undefined;
  /** Starts servers and programs, fills sessions. */
  open(bench: Bench): Promise<Contest>;
}

/** What a flow works with. */
export interface Bench {
  /** Small and short, to see that it works. */
  readonly isSmoke: boolean;
  /** Of one measurement under load. */
  readonly seconds: number;
  /** Of load before the first measurement. */
  readonly warmUpSeconds: number;
  /** `wrk` posts; else our own generator. */
  readonly usesWrk: boolean;
  /** The server under test: path of its built `main.js`. */
  readonly main: string;
  /** Flags of Node for that server. */
  readonly nodeFlags: readonly string[];
  /** Makes a new directory, which goes with the run. */
  directory(): string;
  /** Returns what `make` resolves to, made once per run and server under test. */
  shared<T>(name: string, make: () => Promise<T>): Promise<T>;
  /** Returns a running program, started once per run. */
  program(path: string): Promise<Program>;
  /** Tells people what goes on. */
  say(text: string): void;
}

/** Returns the figure of `sample` that is compared. */
export function figureOf(measure: Measure, sample: Sample): number {
  switch (measure) {
    case "rate":
      return sample.count / sample.seconds;
    case "p99":
      return sample.p99Ms ?? Number.NaN;
    case "seconds":
      return sample.seconds;
    case "bytes":
      return sample.sizeBytes;
  }
}
