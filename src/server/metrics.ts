/** Prometheus text: plain counters are read when somebody asks, so that counting costs an increment and no more. */
import { Counter, collectDefaultMetrics, Gauge, Registry as MetricRegistry } from "prom-client";
import type { Engine } from "./engine.ts";
import type { Live } from "./live.ts";

interface Reading {
  readonly name: string;
  readonly help: string;
  read(): number;
}

/** Returns the function that renders `/metrics`. */
export function createMetrics(engine: Engine, live: Live): () => Promise<string> {
  const registry = new MetricRegistry();
  collectDefaultMetrics({ register: registry, prefix: "tailrace_" });
  for (const { name, help, read } of [...engineReadings(engine), ...liveReadings(engine, live)]) {
    addMetric(registry, { name: `tailrace_${name}`, help, labelNames: [] }, (tell) => tell({}, read()));
  }
  addShardMetrics(registry, engine);
  return () => registry.metrics();
}

type Tell = (labels: Record<string, string>, value: number) => void;

/** What only grows is a counter and called `…_total`, all else is a gauge. */
function addMetric(
  registry: MetricRegistry,
  metric: { readonly name: string; readonly help: string; readonly labelNames: string[] },
  readAll: (tell: Tell) => void,
): void {
  const options = { ...metric, registers: [registry] };
  if (metric.name.endsWith("_total")) {
    new Counter({
      ...options,
      collect() {
        this.reset();
        readAll((labels, value) => this.inc(labels, value));
      },
    });
  } else {
    new Gauge({
      ...options,
      collect() {
        readAll((labels, value) => this.set(labels, value));
      },
    });
  }
}

function engineReadings(engine: Engine): Reading[] {
  const { counters, registry } = engine;
  return [
    { name: "sessions_active", help: "Sessions that are active", read: () => registry.activeCount },
    { name: "sessions_ended", help: "Sessions that have ended", read: () => registry.endedCount },
    { name: "requests_total", help: "HTTP requests and WebSocket messages", read: () => counters.request },
    { name: "bad_requests_total", help: "Requests that were refused", read: () => counters.bad_request },
    { name: "reads_total", help: "Reads of a log", read: () => counters.read },
    { name: "batches_stored_total", help: "Batches acknowledged", read: () => counters.write },
    { name: "batches_refused_total", help: "Batches refused by a worker", read: () => counters.refusedBatchCount },
    {
      name: "batches_duplicate_total",
      help: "Batches answered from the idempotency window",
      read: () => counters.duplicateBatchCount,
    },
    { name: "batches_overloaded_total", help: "Batches refused with 429", read: () => counters.overloadedCount },
    { name: "entries_stored_total", help: "Entries acknowledged", read: () => counters.storedEntryCount },
    { name: "body_bytes_stored_total", help: "Bytes of bodies acknowledged", read: () => counters.storedSizeBytes },
    { name: "staged_bytes", help: "Bodies that are still arriving", read: () => engine.staging.sizeBytes },
    { name: "queries_waiting", help: "Reads that wait for a query thread", read: () => engine.query.waitingCount },
    { name: "torn_bytes_cut_total", help: "Bytes of torn writes cut at start", read: () => counters.cutSizeBytes },
    { name: "damaged_ranges_total", help: "Ranges of entries found unreadable at start", read: () => counters.damagedRangeCount },
    { name: "ready", help: "1 when /readyz is 200", read: () => (engine.gate.notReadyReason === undefined ? 1 : 0) },
  ];
}

function liveReadings(engine: Engine, live: Live): Reading[] {
  const { counters } = engine;
  return [
    { name: "subscribers", help: "Subscriptions and streams", read: () => live.followerCount },
    { name: "sockets", help: "Open WebSockets", read: () => live.connections.socketCount },
    { name: "event_streams", help: "Open streams of server-sent events", read: () => live.connections.streamCount },
    { name: "socket_queued_bytes", help: "Bytes that wait in sockets", read: () => live.connections.queuedSizeBytes() },
    { name: "lag_entries", help: "Entries that the slowest subscription is behind", read: () => live.lag().entryCountMax },
    { name: "slow_readers", help: "Subscriptions that wait for their socket", read: () => live.lag().waitingCount },
    { name: "follow_reads", help: "Reads of files for subscriptions, running or waiting", read: () => live.readCount },
    { name: "deltas_total", help: "Deltas sent", read: () => counters.deltaCount },
    { name: "delta_bytes_total", help: "Bytes of deltas sent", read: () => counters.deltaSizeBytes },
    { name: "gaps_total", help: "Gaps told to subscribers", read: () => counters.gapCount },
    { name: "slow_readers_total", help: "Times a subscription had to wait for its socket", read: () => counters.slowReaderCount },
    { name: "drains_total", help: "Times a waiting socket had room again", read: () => counters.drainCount },
  ];
}

function addShardMetrics(registry: MetricRegistry, engine: Engine): void {
  const perShard = (name: string, help: string, read: (shard: Engine["shards"][number]) => number) => {
    addMetric(registry, { name: `tailrace_shard_${name}`, help, labelNames: ["shard"] }, (tell) => {
      for (const shard of engine.shards) tell({ shard: String(shard.index) }, read(shard));
    });
  };
  perShard("queued_batches", "Batches that wait for a job", (shard) => shard.queuedCount);
  perShard("oldest_batch_seconds", "Age of the oldest batch", (shard) => shard.oldestAgeMs / 1000);
  perShard("job_seconds", "Age of the running job; over 30 it is stuck", (shard) => shard.jobAgeMs / 1000);
  perShard("down", "1 when its worker keeps dying and is not restarted", (shard) => (shard.isDown ? 1 : 0));
  perShard("worker_restarts_total", "Deaths of the worker", (shard) => shard.restartCount);
  perShard("malformed_templates_total", "Entries whose template broke the grammar", (shard) => shard.malformedTemplateCount);
  perShard("template_cache_misses_total", "Templates that had to be parsed", (shard) => shard.templateCacheMissCount);
  perShard("truncated_messages_total", "Rendered messages that were cut at their limit", (shard) => shard.truncatedMessageCount);
  perShard("jobs_total", "Jobs run", (shard) => shard.jobCount);
  perShard("busy_seconds_total", "Time the worker spent in jobs", (shard) => shard.busyMs / 1000);
  perShard("slab_bytes", "Bytes of the intake slab in use", (shard) => shard.slab.usedSizeBytes);
  perShard("ring_bytes", "Bytes of the ring in use", (shard) => shard.ring.usedSizeBytes);
}
