/** Routes for whoever runs the server: health, readiness, counts, metrics. */
import type { Engine } from "./engine.ts";
import { type Answer, jsonAnswer } from "./exchange.ts";
import type { Live } from "./live.ts";

/** GET /healthz. */
export function getHealth(): Answer {
  return jsonAnswer({ status: "ok" });
}

/** GET /readyz. */
export function getReady(engine: Engine): Answer {
  const reason = engine.gate.notReadyReason;
  if (reason === undefined) return jsonAnswer({ status: "ready" });
  return { ...jsonAnswer({ status: "not ready", reason }, 503), headers: { "Retry-After": "1" } };
}

/** GET /stats/sessions. */
export function getStats(engine: Engine, live: Live, startedMs: number): Answer {
  const { counters, registry, shards } = engine;
  const { read, write, delete: deleted, list, request, bad_request } = counters;
  const memory = process.memoryUsage();
  return jsonAnswer({
    self_id: engine.selfId,
    active: registry.activeCount,
    ended: registry.endedCount,
    counters: { read, write, delete: deleted, list, request, bad_request },
    entries_stored: counters.storedEntryCount,
    body_bytes_stored: counters.storedSizeBytes,
    duplicates: counters.duplicateBatchCount,
    overloaded: counters.overloadedCount,
    subscribers: live.followerCount,
    sockets: live.connections.socketCount,
    uptime_seconds: Math.round((engine.clock.nowMs() - startedMs) / 1000),
    ready: engine.gate.notReadyReason === undefined,
    memory: { rss: memory.rss, heap: memory.heapUsed, shared: memory.arrayBuffers },
    disk: diskUse(engine),
    shards: shards.map((shard) => ({
      queued: shard.queuedCount,
      running: shard.inFlightCount,
      oldest_ms: Math.round(shard.oldestAgeMs),
      job_ms: Math.round(shard.jobAgeMs),
      stuck: shard.isStuck,
      restarts: shard.restartCount,
      down: shard.isDown,
      jobs: shard.jobCount,
      busy_ms: Math.round(shard.busyMs),
      slab_bytes: shard.slab.usedSizeBytes,
      ring_bytes: shard.ring.usedSizeBytes,
    })),
  });
}

function diskUse(engine: Engine): { sessions_bytes: number } {
  let sum = 0;
  for (const session of engine.registry.all) sum += session.sizeBytes;
  return { sessions_bytes: sum };
}

/** GET /metrics. */
export async function getMetrics(metrics: () => Promise<string>): Promise<Answer> {
  return { status: 200, headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }, body: await metrics() };
}
