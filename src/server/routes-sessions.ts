/** Routes on sessions themselves: list, make, replace, end, purge (contract 3). */
import type { SessionId } from "../base/ids.ts";
import { tryParseSessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import type { SessionInput } from "../wire/api.ts";
import type { Refusal } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Exchange, jsonAnswer, refusalAnswer } from "./exchange.ts";
import { exitReason } from "./exit-reason.ts";
import { invalidIdRefusal, sessionNotFound } from "./intake.ts";
import { flagOf, isRefusal, parseListQuery } from "./query-input.ts";
import type { ListQuery } from "./registry.ts";
import type { Session } from "./session.ts";
import { parseSessionInput } from "./session-input.ts";

/** GET /sessions/ and /sessions/list. */
export function listSessions(engine: Engine, exchange: Exchange, statusDefault: ListQuery["status"]): Answer {
  const query = parseListQuery(exchange.query, statusDefault);
  if (isRefusal(query)) return refusalAnswer(query);
  engine.counters.list++;
  const { sessions, total } = engine.registry.list(query);
  return jsonAnswer({ sessions: sessions.map((session) => session.toObject()), total, self_id: engine.selfId });
}

/** Returns the session that parameter 0 names, or why there is none. */
export function sessionOf(engine: Engine, exchange: Exchange): Session | Refusal {
  const id = idOf(exchange);
  if (isRefusal(id)) return id;
  return engine.registry.find(id) ?? sessionNotFound(id);
}

/** GET /sessions/{id}. */
export function getSession(engine: Engine, exchange: Exchange): Answer {
  const session = sessionOf(engine, exchange);
  return isRefusal(session) ? refusalAnswer(session) : jsonAnswer(session.toObject());
}

/** POST /sessions/{id}. */
export async function postSession(engine: Engine, exchange: Exchange): Promise<Answer> {
  const id = idOf(exchange);
  const input = await readInput(exchange);
  if (isRefusal(id)) return refusalAnswer(id);
  if (isRefusal(input)) return refusalAnswer(input);
  const refusal = engine.gate.intakeRefusal;
  if (refusal !== undefined) return refusalAnswer(refusal);
  const made = await engine.createOrUpdate(id, input);
  return isRefusal(made) ? refusalAnswer(made) : jsonAnswer(made.session.toObject(), made.created ? 201 : 200);
}

/** PUT /sessions/{id}. */
export async function putSession(engine: Engine, exchange: Exchange): Promise<Answer> {
  const found = sessionOf(engine, exchange);
  const input = await readInput(exchange);
  if (isRefusal(found)) return refusalAnswer(found);
  if (isRefusal(input)) return refusalAnswer(input);
  const refusal = await engine.replace(found, input);
  return refusal === undefined ? jsonAnswer(found.toObject()) : refusalAnswer(refusal);
}

/** DELETE /sessions/{id}. */
export async function deleteSession(engine: Engine, exchange: Exchange): Promise<Answer> {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return refusalAnswer(session);
  const purge = flagOf(exchange.query, "purge");
  if (isRefusal(purge)) return refusalAnswer(purge);
  if (purge) {
    const shown = session.toObject();
    const refusal = await engine.purge(session);
    if (refusal !== undefined) return refusalAnswer(refusal);
    engine.counters.delete++;
    return jsonAnswer(shown);
  }
  const reason = exitReason(exchange.query, session.record.platform);
  if (isRefusal(reason)) return refusalAnswer(reason);
  const refusal = await engine.end(session, reason);
  if (refusal !== undefined) return refusalAnswer(refusal);
  engine.counters.delete++;
  return jsonAnswer(session.toObject());
}

/** POST /sessions/{id}/heartbeat. */
export function postHeartbeat(engine: Engine, exchange: Exchange): Answer {
  const session = sessionOf(engine, exchange);
  if (isRefusal(session)) return refusalAnswer(session);
  if (session.isActive) engine.touch(session);
  return jsonAnswer({ last_activity_at: session.toObject().last_activity_at });
}

function idOf(exchange: Exchange): SessionId | Refusal {
  return tryParseSessionId(exchange.parameters[0] ?? "") ?? invalidIdRefusal;
}

async function readInput(exchange: Exchange): Promise<SessionInput | Refusal> {
  const isLocal = exchange.isLocal;
  const body = await exchange.body(limits.controlBodySizeBytesMax);
  if (isRefusal(body)) return body;
  const input = parseSessionInput(body);
  // A pid means something only on this machine.
  if (!isRefusal(input) && !isLocal) delete input.pid;
  return input;
}
