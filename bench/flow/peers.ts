/** Flows beside other programs that take streams in, where they are installed: the same entries, the same machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { cpuSecondsOf, environmentWithSbin, hasCommand } from "../parts/process.ts";
import type { NatsTask } from "../peers/nats.ts";
import type { PeerResult, RedisTask } from "../peers/redis.ts";
import type { Bench, Contest, Flow, Sample } from "./flow.ts";
import { type Intake, openIntake } from "./intake.ts";

const http: Intake = {
  ...{ transport: "http", form: "json", shape: "plain", batch: 1000 },
  ...{ sessions: 1, connections: 16, reference: "sink" },
};
const socket: Intake = { ...http, transport: "ws", batch: 1, connections: 8 };

interface Peer {
  readonly command: string;
  /** Path of the program that loads it. */
  readonly program: string;
  args(port: number, directory: string): string[];
  task(port: number, seconds: number): RedisTask | NatsTask;
}

const redis: Peer = {
  command: "redis-server",
  program: "peers/redis.js",
  args: (port, directory) => [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""],
    ...["--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"],
  ],
  task: (port, seconds) => ({ port, seconds, connections: 8, pipeline: 1000 }),
};

function nats(batch: number): Peer {
  return {
    command: "nats-server",
    program: "peers/nats.js",
    args: (port, directory) => ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", directory],
    task: (port, seconds) => ({ port, seconds, batch, connections: 8, window: batch === 1 ? 128 : 4 }),
  };
}

/** Returns the flows beside other programs. */
export function peerFlows(): Flow[] {
  return [
    flowOf("redis streams, pipelined XADD, AOF every second", http, redis, "Redis Streams"),
    flowOf("nats jetstream, 1000 entries a message", http, nats(1000), "NATS JetStream"),
    flowOf("nats jetstream, one entry a message", socket, nats(1), "NATS JetStream"),
  ];
}

function flowOf(name: string, intake: Intake, peer: Peer, reference: string): Flow {
  return {
    name: `peer/${name}`,
    unit: "entries",
    measure: "rate",
    reference,
    isDefault: true,
    missing: () => (hasCommand(peer.command) ? undefined : `${peer.command} is not installed`),
    open: (bench) => openPeer(bench, intake, peer),
  };
}

async function openPeer(bench: Bench, intake: Intake, peer: Peer): Promise<Contest> {
  const ours = await openIntake(intake, bench);
  const port = await freePort();
  const directory = bench.directory();
  const child = await startPeer(peer, port, directory);
  const program = await bench.program(peer.program);
  const reference = async (): Promise<Sample> => {
    const cpuBefore = cpuSecondsOf(child.pid as number);
    const result = await program.call<PeerResult>("run", peer.task(port, bench.seconds));
    const serverCpuSeconds = cpuSecondsOf(child.pid as number) - cpuBefore;
    return { ...result, serverCpuSeconds, generatorCpuSeconds: result.cpuSeconds };
  };
  const close = async () => {
    await ours.close();
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  };
  return { subject: () => ours.subject(), reference, close };
}

/** Starts the peer and resolves when its port takes connections. */
async function startPeer(peer: Peer, port: number, directory: string): Promise<ChildProcess> {
  const child = spawn(peer.command, peer.args(port, directory), { stdio: "ignore", env: environmentWithSbin, cwd: directory });
  process.once("exit", () => child.kill("SIGKILL"));
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await takesConnections(port)) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${peer.command} did not start`);
}

async function takesConnections(port: number): Promise<boolean> {
  const socketOf = connect(port, "127.0.0.1");
  try {
    await once(socketOf, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socketOf.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
