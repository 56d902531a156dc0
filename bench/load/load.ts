/** What every generator of load is told and answers. */

export interface HttpLoad {
  readonly port: number;
  /** Of the request set. */
  readonly directory: string;
  readonly connections: number;
  /** How long; with `countMax`, at most. */
  readonly seconds: number;
  /** Requests after which it is over. */
  readonly countMax?: number;
}

export interface SocketLoad {
  readonly port: number;
  readonly path: string;
  readonly protocol: string;
  /** Of the frames. */
  readonly directory: string;
  readonly sockets: number;
  /** Messages of one socket that wait for their answer at most. */
  readonly window: number;
  readonly seconds: number;
  /** Every message is an answer: what an echo sends. */
  readonly isEcho: boolean;
}

export interface LoadResult {
  /** Requests or messages that were answered well. */
  readonly count: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Refused or broken ones. */
  readonly failed: number;
}
