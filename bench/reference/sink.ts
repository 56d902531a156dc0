/**
 * Program: bare uWebSockets.js doing the transport of a flow and nothing else: reads and drops bodies, echoes messages,
 * publishes bodies to subscribers, streams pages of a file. What the server can reach at best on this machine.
 */

import uWS, { type HttpResponse, type WebSocket } from "uWebSockets.js";
import { openSync, readSync } from "node:fs";
import { serveCalls } from "../parts/program.ts";

export interface SinkOptions {
  /** Entries of a posted batch, for the answer. */
  readonly batch: number;
  /** What GET /page reads. */
  readonly file?: string;
  /** What POST /publish does: the library's publish, or one send for each subscriber. */
  readonly fanOut?: "publish" | "send";
  readonly isBinary?: boolean;
}

interface Follower {
  readonly isFollower: boolean;
}

let options: SinkOptions = { batch: 1 };
let cursor = 0;
let file = -1;
let page = Buffer.alloc(0);
const followers = new Set<WebSocket<Follower>>();
const topic = "log";
const deltaHeadSizeBytes = 48;
const cursorAt = 24;

const app = uWS.App();
app.ws<Follower>("/echo", {
  maxPayloadLength: 64 * 1024 * 1024,
  maxBackpressure: 0,
  idleTimeout: 60,
  message: (socket, message, isBinary) => void socket.send(message, isBinary),
});
app.ws<Follower>("/follow", {
  maxPayloadLength: 64 * 1024 * 1024,
  maxBackpressure: 0,
  idleTimeout: 60,
  open: (socket) => {
    socket.subscribe(topic);
    followers.add(socket);
  },
  message: (socket) => void socket.send('{"type":"subscribed"}', false),
  close: (socket) => void followers.delete(socket),
});
app.get("/page", (response, request) => {
  const offset = Number(request.getQuery("offset"));
  const length = Number(request.getQuery("length"));
  if (page.length < length) page = Buffer.alloc(length);
  response.writeHeader("Content-Type", "application/x-ndjson");
  response.end(page.subarray(0, readSync(file, page, 0, length, offset)));
});
app.post("/publish", (response) => {
  const chunks: Buffer[] = [];
  response.onAborted(() => {});
  response.onData((chunk, isLast) => {
    chunks.push(Buffer.from(chunk.slice(0)));
    if (!isLast) return;
    const first = cursor + 1;
    cursor += options.batch;
    fanOut(messageOf(chunks));
    answer(response, first);
  });
});
app.any("/*", (response) => {
  response.onAborted(() => {});
  response.onData((_, isLast) => {
    if (isLast) answer(response, 1);
  });
});

function answer(response: HttpResponse, first: number): void {
  const last = first + options.batch - 1;
  response.writeHeader("Content-Type", "application/json");
  response.end(`{"first":${first},"cursor":${last},"count":${options.batch},"ack":"written"}`);
}

/** The body in the frame that a subscriber of the server would get. */
function messageOf(chunks: readonly Buffer[]): Buffer {
  if (options.isBinary !== true) {
    const head = Buffer.from(`{"type":"log","id":1,"cursor":${cursor},"head":${cursor},"entries":`);
    return Buffer.concat([head, ...chunks, Buffer.from("}")]);
  }
  const head = Buffer.alloc(deltaHeadSizeBytes);
  head.writeBigUInt64LE(BigInt(cursor), cursorAt);
  return Buffer.concat([head, ...chunks]);
}

function fanOut(message: Buffer): void {
  if (options.fanOut === "send") for (const socket of followers) socket.send(message, options.isBinary === true);
  else app.publish(topic, message, options.isBinary === true);
}

function listen(): Promise<number> {
  return new Promise((resolve, reject) => {
    app.listen("127.0.0.1", 0, (socket) => {
      if (socket) resolve(uWS.us_socket_local_port(socket));
      else reject(new Error("no port is free"));
    });
  });
}

function configure(given: SinkOptions): void {
  options = given;
  cursor = 0;
  if (given.file !== undefined) file = openSync(given.file, "r");
}

serveCalls({ listen, configure });
