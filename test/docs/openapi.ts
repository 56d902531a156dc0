/** `schema/openapi.json` as tests see it: loaded, references followed, schemas ready to check a value. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** A JSON schema; only what tests look at has a name. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

export interface Example {
  readonly value: unknown;
}

export interface MediaType {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, Example>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: Schema;
  readonly example?: unknown;
}

export interface ResponseDescription {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, MediaType>>;
}

/** One verb on one path. */
export interface Operation {
  readonly operationId: string;
  readonly path: string;
  readonly verb: string;
  /** Those of the path included. */
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, MediaType>> };
  readonly responses: Readonly<Record<string, ResponseDescription>>;
}

type Json = Record<string, unknown>;

const verbs = ["get", "post", "put", "delete"];

/** The root of the package, seen from dist/test/docs. */
export const packageRoot = new URL("../../../", import.meta.url);

/** Returns a text file of the package. */
export function packageText(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, packageRoot)), "utf8");
}

/** The description itself. */
export const description = JSON.parse(packageText("schema/openapi.json")) as {
  readonly info: { readonly version: string };
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly examples: Readonly<Record<string, Example>>;
  };
} & Json;

/** Follows a reference, and those it leads to; other values stay as they are. */
function followed(value: unknown): Json {
  const { $ref: reference } = value as { $ref?: string };
  if (reference === undefined) return value as Json;
  let found: unknown = description;
  for (const name of reference.replace("#/", "").split("/")) found = (found as Json)[name];
  if (found === undefined) throw new Error(`${reference} leads nowhere`);
  return followed(found);
}

function withExamples(media: MediaType): MediaType {
  const examples = Object.entries(media.examples ?? {}).map(([name, example]) => [name, followed(example)]);
  return media.examples === undefined ? media : { ...media, examples: Object.fromEntries(examples) };
}

function contentOf(holder: Json): Json {
  const content = (holder["content"] ?? {}) as Readonly<Record<string, MediaType>>;
  return { ...holder, content: Object.fromEntries(Object.entries(content).map(([type, media]) => [type, withExamples(media)])) };
}

/** All operations, in the order of the description. */
export const operations: readonly Operation[] = Object.entries(description["paths"] as Record<string, Json>).flatMap(
  ([path, item]) =>
    verbs.flatMap((verb) => {
      const operation = item[verb] as Json | undefined;
      if (operation === undefined) return [];
      const parameters = [...((item["parameters"] ?? []) as unknown[]), ...((operation["parameters"] ?? []) as unknown[])];
      const responses = Object.entries(operation["responses"] as Json).map(([status, response]) => [
        status,
        contentOf(followed(response)),
      ]);
      const body = operation["requestBody"] === undefined ? {} : { requestBody: contentOf(operation["requestBody"] as Json) };
      const lists = { parameters: parameters.map(followed), responses: Object.fromEntries(responses) };
      return [{ ...operation, ...lists, ...body, path, verb } as unknown as Operation];
    }),
);

const validators = new WeakMap<Schema, z.ZodType>();

/** Returns what of `value` is not as `schema` says, or undefined. */
export function problemOf(schema: Schema, value: unknown): string | undefined {
  let validator = validators.get(schema);
  if (validator === undefined) {
    const whole = JSON.stringify({ ...schema, $defs: description.components.schemas });
    validator = z.fromJSONSchema(JSON.parse(whole.replaceAll("#/components/schemas/", "#/$defs/")));
    validators.set(schema, validator);
  }
  const result = validator.safeParse(value);
  return result.success ? undefined : z.prettifyError(result.error);
}
