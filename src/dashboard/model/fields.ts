/** Fields of an entry as flat paths: `request.headers[0].name`, and `a["b.c"]` where a name inside is no plain word. */

/** One leaf of an entry's fields. */
export interface FieldLeaf {
  readonly path: string;
  readonly value: unknown;
}

/** Leaves shown of one entry; an entry may carry up to a thousand members. */
export const leafCountMax = 500;

/** Returns the leaves of `fields` in order; empty objects and lists are leaves. */
export function leavesOf(fields: unknown): FieldLeaf[] {
  const leaves: FieldLeaf[] = [];
  collect("", fields, leaves);
  return leaves;
}

function collect(path: string, value: unknown, leaves: FieldLeaf[]): void {
  if (leaves.length >= leafCountMax) return;
  if (Array.isArray(value) && value.length > 0) {
    for (const [index, item] of value.entries()) collect(`${path}[${index}]`, item, leaves);
  } else if (isPlainObject(value) && Object.keys(value).length > 0) {
    for (const [name, member] of Object.entries(value)) collect(path === "" ? name : path + stepOf(name), member, leaves);
  } else if (path !== "") {
    leaves.push({ path, value });
  }
}

function stepOf(name: string): string {
  return /^[\w$@-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** Returns the value at `path` as `leavesOf` spells it: a whole member name first, then step by step. */
export function valueAtPath(fields: unknown, path: string): unknown {
  if (!isPlainObject(fields)) return undefined;
  if (Object.hasOwn(fields, path)) return fields[path];
  let at: unknown = fields;
  for (const [, plain, quoted] of path.matchAll(/([^.[\]"]+)|\[("(?:[^"\\]|\\.)*")\]/g)) {
    const step = plain ?? (JSON.parse(quoted!) as string);
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

/** Returns the value at `path` when it is a finite number, or spells one. */
export function numberAtPath(fields: unknown, path: string): number | undefined {
  const value = valueAtPath(fields, path);
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
