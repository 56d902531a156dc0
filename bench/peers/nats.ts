/** Program: the same entries into NATS JetStream with file storage, each message acknowledged. Speaks its protocol itself. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { serveCalls } from "../parts/program.ts";
import { bodiesOf } from "../parts/workload.ts";
import type { PeerResult } from "./redis.ts";

export interface NatsTask {
  readonly port: number;
  readonly connections: number;
  /** Entries of a message. */
  readonly batch: number;
  /** Messages of a connection that wait for their acknowledgement at most. */
  readonly window: number;
  readonly seconds: number;
}

const stream = "BENCH";
const subject = "bench.log";

async function run(task: NatsTask): Promise<PeerResult> {
  const bodies = bodiesOf({ form: "json", shape: "plain", batch: task.batch }, task.batch === 1 ? 1024 : 32);
  await makeStream(task.port);
  const sockets = await Promise.all(Array.from({ length: task.connections }, () => openNats(task.port)));
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const endMs = startedMs + task.seconds * 1000;
  const counts = await Promise.all(sockets.map((socket, index) => drive(socket, messagesOf(bodies, index), task.window, endMs)));
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  for (const socket of sockets) socket.destroy();
  const messageCount = counts.reduce((sum, one) => sum + one, 0);
  const sizeBytes = messageCount * (bodies.reduce((sum, { length }) => sum + length, 0) / bodies.length);
  return { count: messageCount * task.batch, sizeBytes, seconds, cpuSeconds: (user + system) / 1e6 };
}

/** Publishes with a reply address: that asks JetStream for an acknowledgement. */
function messagesOf(bodies: readonly Uint8Array[], index: number): Buffer[] {
  return bodies.map((body) =>
    Buffer.concat([Buffer.from(`PUB ${subject} ack.${index} ${body.length}\r\n`), body, Buffer.from("\r\n")]),
  );
}

async function openNats(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  await once(socket, "data");
  socket.write('CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1"}\r\n');
  return socket;
}

async function makeStream(port: number): Promise<void> {
  const socket = await openNats(port);
  await ask(socket, `$JS.API.STREAM.DELETE.${stream}`, "");
  const config = {
    name: stream,
    subjects: [subject],
    storage: "file",
    retention: "limits",
    max_bytes: 8 * 2 ** 30,
    discard: "old",
  };
  const answer = await ask(socket, `$JS.API.STREAM.CREATE.${stream}`, JSON.stringify(config));
  socket.destroy();
  if (answer.includes('"error"')) throw new Error(answer);
}

async function ask(socket: Socket, to: string, body: string): Promise<string> {
  socket.write(`SUB answers 1\r\nPUB ${to} answers ${Buffer.byteLength(body)}\r\n${body}\r\n`);
  let received = "";
  while (!/^MSG [^\r]*\r\n[^\r]+\r\n/m.test(received)) received += String((await once(socket, "data"))[0]);
  socket.write("UNSUB 1\r\n");
  return received;
}

/** Keeps a window of messages on their way; resolves with how many were acknowledged. */
function drive(socket: Socket, messages: readonly Buffer[], window: number, endMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0;
    let sent = 0;
    const reply = /PUB \S+ (\S+) /.exec((messages[0] as Buffer).toString("latin1", 0, 64))?.[1];
    const send = (some: number) => {
      socket.write(Buffer.concat(Array.from({ length: some }, () => messages[sent++ % messages.length] as Buffer)));
    };
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      if (text.includes('"error"') || text.includes("-ERR")) return reject(new Error(text.slice(0, 300)));
      if (text.includes("PING")) socket.write("PONG\r\n");
      // Each acknowledgement has one of these, and a chunk that ends within one is completed by the next.
      const acknowledged = text.split('"seq"').length - 1;
      count += acknowledged;
      if (performance.now() >= endMs) resolve(count);
      else if (acknowledged > 0) send(acknowledged);
    });
    socket.write(`SUB ${reply} 1\r\n`);
    send(window);
  });
}

serveCalls({ run });
