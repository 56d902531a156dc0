/** The description of the interface against the running server: routes, examples, limits, answers, errors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type RouteContext, routesOf } from "#src/server/routes.ts";
import { errorStatus } from "#src/wire/outcome.ts";
import type { HttpAnswer } from "../harness/http.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { freshSessionId } from "../harness/random.ts";
import { sharedServer } from "../harness/server.ts";
import {
  description,
  type MediaType,
  type Operation,
  operations,
  type Parameter,
  packageText,
  problemOf,
  type ResponseDescription,
} from "./openapi.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });

const entries = [
  { level: "info", logger: "LogInit", message: "Engine is up" },
  { level: "warn", logger: "LogHttp", format: "{method} {url} took {ms} ms", fields: { method: "GET", url: "/a", ms: 412 } },
];

/** Brings a session to where an operation can be tried; without a line here: two entries and a reader. */
const preparations: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
  openSession: async () => {},
  putReader: (id) => server.session({}, id),
  streamLog: (id) => prepareEnded(id),
  archiveSession: (id) => prepareEnded(id),
  restoreSession: async (id) => {
    await prepareEnded(id);
    await server.call("POST", `/sessions/${id}/archive`);
  },
  confirmEntries: async (id) => {
    await prepare(id);
    await server.call("POST", `/sessions/${id}/readers/indexer/claim`);
  },
};

async function prepare(id: string): Promise<void> {
  await server.session({ appname: "UnrealEditor" }, id);
  await server.append(id, entries);
  await server.call("PUT", `/sessions/${id}/readers/indexer`, { body: { cursor: 0 } });
}

async function prepareEnded(id: string): Promise<void> {
  await prepare(id);
  await server.call("DELETE", `/sessions/${id}`);
}

interface Try {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly type: string; readonly value: unknown };
}

let readOnlyId: Promise<string> | undefined;

/** Returns a session that is ready for the operation: reads share one, others have their own. */
async function preparedSession({ operationId, verb }: Operation): Promise<string> {
  const special = preparations[operationId];
  if (special !== undefined || verb !== "get") return preparedWith(special ?? prepare);
  readOnlyId ??= preparedWith(prepare);
  return readOnlyId;
}

async function preparedWith(preparation: (id: string) => Promise<unknown>): Promise<string> {
  const id = freshSessionId();
  await preparation(id);
  return id;
}

/** Sends an operation to a session that is ready for it. */
async function send(operation: Operation, attempt: Try): Promise<HttpAnswer> {
  const { parameters } = operation;
  const id = await preparedSession(operation);
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name === "id" ? id : String(parameters.find((parameter) => parameter.name === name)?.example),
  );
  const { body } = attempt;
  const value = body === undefined || typeof body.value === "string" ? body?.value : JSON.stringify(body.value);
  const headers = { ...(body === undefined ? {} : { "content-type": body.type }), ...attempt.headers };
  const options = { headers, ...(value === undefined ? {} : { body: value as string }) };
  return server.call(operation.verb.toUpperCase(), path + (attempt.query ?? ""), options);
}

/** Checks an answer against what the description says of its status. */
function checkAnswer(operation: Operation, answer: HttpAnswer): void {
  const what = `${operation.operationId} answers ${answer.status}`;
  const response = operation.responses[answer.status] as ResponseDescription | undefined;
  assert.ok(response !== undefined, `${what}, which is not described: ${answer.text.slice(0, 300)}`);
  for (const name of Object.keys(response.headers ?? {})) {
    if (name !== "tailrace-gap") assert.ok(answer.headers[name.toLowerCase()] !== undefined, `${what} without ${name}`);
  }
  const type = (answer.headers["content-type"] ?? "").split(";")[0] as string;
  const media = response.content?.[type];
  if (Object.keys(response.content ?? {}).length > 0) assert.ok(media !== undefined, `${what} as ${type}`);
  if (type === "application/json" && media?.schema !== undefined) {
    assert.equal(problemOf(media.schema, answer.json()), undefined, what);
  }
}

/** Sends an operation and expects that it is done. */
async function expectDone(operation: Operation, attempt: Try): Promise<HttpAnswer> {
  const answer = await send(operation, attempt);
  assert.ok(answer.status < 400, `${operation.operationId} ${JSON.stringify(attempt)}: ${answer.status} ${answer.text}`);
  checkAnswer(operation, answer);
  return answer;
}

/** The first body of an operation that needs one. */
function anyBody(operation: Operation): Pick<Try, "body"> {
  const [first] = bodiesOf(operation);
  return first === undefined ? {} : { body: first };
}

function bodiesOf({ requestBody }: Operation): NonNullable<Try["body"]>[] {
  return Object.entries(requestBody?.content ?? {}).flatMap(([type, media]) =>
    Object.values(media.examples ?? {}).map(({ value }) => ({ type, value })),
  );
}

/** `wait` is refused without a cursor. */
function queryOf(operation: Operation, name: string, value: unknown): string {
  const query = new URLSearchParams({ [name]: String(value) });
  if (operation.operationId === "readLog" && name === "wait") query.set("cursor", "0");
  return `?${query}`;
}

const callable = operations.filter(({ operationId }) => operationId !== "openWebSocket");

test("the description has the version of the package", () => {
  assert.equal(description.info.version, (JSON.parse(packageText("package.json")) as { version: string }).version);
});

test("the description names the paths and verbs of the server's table of routes, and no others", () => {
  // Handlers look at the context only when they are called.
  const routes = routesOf({} as RouteContext).flatMap(({ path, verbs, otherVerbs = [] }) => {
    const names = [...Object.keys(verbs).map((verb) => (verb === "del" ? "DELETE" : verb.toUpperCase())), ...otherVerbs];
    return names.map((verb) => `${verb} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  });
  const known = routes.map((route) => route.replace(/^(GET \/dashboard)\/.+$/, "$1/{file}"));
  const described = operations.map(({ verb, path }) => `${verb.toUpperCase()} ${path}`);
  // The WebSocket is registered on its own.
  assert.deepEqual(described.sort(), [...new Set([...known, "GET /dashboard/", "GET /sessions/ws"])].sort());
});

test("operations have names of their own", () => {
  const names = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(names).size, names.length);
});

test("every example is as its schema says", () => {
  const media = operations.flatMap(({ requestBody, responses }) => [
    ...Object.entries(requestBody?.content ?? {}),
    ...Object.values(responses).flatMap(({ content = {} }) => Object.entries(content)),
  ]);
  for (const [type, { schema = {}, example, examples = {} }] of media as [string, MediaType][]) {
    if (type !== "application/json") continue;
    const values = [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)];
    for (const value of values) assert.equal(problemOf(schema, value), undefined, JSON.stringify(value));
  }
});

test("every operation takes its example bodies and answers as described", async () => {
  for (const operation of callable) {
    const bodies = bodiesOf(operation);
    for (const body of bodies) await expectDone(operation, { body });
    if (operation.requestBody?.required !== true) await expectDone(operation, {});
  }
});

test("every parameter takes its example", async () => {
  for (const operation of callable) {
    for (const { name, in: place, example } of operation.parameters) {
      if (place === "path" || example === undefined) continue;
      const given = place === "query" ? { query: queryOf(operation, name, example) } : { headers: { [name]: String(example) } };
      await expectDone(operation, { ...anyBody(operation), ...given });
    }
  }
});

test("every form of an answer is given to whoever accepts it", async () => {
  for (const operation of callable) {
    const types = Object.keys(operation.responses["200"]?.content ?? {});
    if (types.length < 2) continue;
    for (const type of types) {
      const answer = await expectDone(operation, { headers: { accept: type } });
      assert.equal((answer.headers["content-type"] ?? "").split(";")[0], type);
    }
  }
});

/** Flags are off unless they say true, and a pid that can not be used is left out: those refuse nothing. */
function isStrict({ name, schema }: Parameter): boolean {
  return name !== "pid" && schema.enum?.includes("true") !== true;
}

function wrongValues({ schema }: Parameter): (string | number)[] {
  if (schema.type === "integer")
    return [(schema.minimum ?? 0) - 1, ...(schema.maximum === undefined ? [] : [schema.maximum + 1])];
  return schema.enum === undefined ? [] : ["nonsense"];
}

function goodEnds({ schema }: Parameter): (string | number)[] {
  if (schema.type === "integer") return [schema.minimum, schema.maximum].filter((end) => end !== undefined);
  return [...(schema.enum ?? [])];
}

test("the limits of parameters are those of the server", async () => {
  for (const operation of callable) {
    for (const parameter of operation.parameters.filter(({ in: place }) => place === "query").filter(isStrict)) {
      const { name } = parameter;
      for (const value of wrongValues(parameter)) {
        const answer = await send(operation, { ...anyBody(operation), query: queryOf(operation, name, value) });
        assert.equal(answer.status, 400, `${operation.operationId} takes ${name}=${value}`);
        assert.equal(answer.error.code, "invalid_query");
      }
      // Waiting as long as allowed would make the test wait.
      const ends = name === "wait" && operation.operationId === "claimEntries" ? [0] : goodEnds(parameter);
      for (const value of ends) await expectDone(operation, { ...anyBody(operation), query: queryOf(operation, name, value) });
    }
  }
});

test("the WebSocket opens with the subprotocol that is asked for", async () => {
  for (const protocol of ["tailrace.json.v1", "tailrace.flatbuffers.v1"]) {
    const live = await LiveSocket.open(server.url, [protocol]);
    assert.equal(live.socket.protocol, protocol);
    await live.close();
  }
});

test("every code has its example with the status of the table of errors", () => {
  const { examples } = description.components;
  // No server gives these two: there are no tokens yet, and a repeated key waits for the first one's answer.
  const reserved = ["duplicate_in_flight", "unauthorized"];
  assert.deepEqual([...Object.keys(examples), ...reserved].sort(), Object.keys(errorStatus).sort());
  for (const { operationId, responses } of operations) {
    for (const [status, { content = {} }] of Object.entries(responses)) {
      if (Number(status) < 400) continue;
      for (const code of Object.keys(content["application/json"]?.examples ?? {})) {
        assert.equal(String(errorStatus[code as keyof typeof errorStatus]), status, `${operationId}: ${code}`);
      }
    }
  }
});
