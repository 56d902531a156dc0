/** The template rules in the slow, obvious way: strings, recursion, regular expressions. */
import { wtf8 } from "./entries.ts";

export interface ModelLimits {
  messageSizeBytesMax: number;
  renderDepthMax: number;
}

type Value =
  | { kind: "string"; text: string }
  | { kind: "number"; literal: string }
  | { kind: "word"; literal: string }
  | { kind: "array"; items: Value[] }
  | { kind: "object"; members: { name: string; value: Value }[] };

const path = String.raw`[A-Za-z0-9_]+(?:\[[0-9]+\])*(?:[./][A-Za-z0-9_]+(?:\[[0-9]+\])*)*`;
const plainPiece = new RegExp(String.raw`(\{\{|\}\})|\{(${path})\}|[^{}]+`, "y");
const localizedPiece = new RegExp(`(\`[\`{}])|\\{(${path})\\}|[^\`{}]+`, "y");

/** Returns the message of `format` with the JSON object `fieldsJson` (empty: no fields). */
export function renderModel(format: string, fieldsJson: string, limits: ModelLimits): string {
  const fields = fieldsJson === "" ? { kind: "object" as const, members: [] } : parseJson(fieldsJson);
  return cut(renderTemplate(format, fields, 0, false, limits), limits.messageSizeBytesMax);
}

/** Returns the pieces of a template, or undefined when it is malformed. */
export function piecesOf(format: string, localized: boolean): ({ literal: string } | { path: string })[] | undefined {
  const pattern = localized ? localizedPiece : plainPiece;
  const pieces: ({ literal: string } | { path: string })[] = [];
  let at = 0;
  while (at < format.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(format);
    if (match === null) return undefined;
    const [whole, escaped, found] = match;
    if (escaped !== undefined) pieces.push({ literal: escaped.charAt(1) });
    else if (found !== undefined) pieces.push({ path: found });
    else pieces.push({ literal: whole });
    at += whole.length;
  }
  return pieces;
}

function renderTemplate(format: string, fields: Value, depth: number, localized: boolean, limits: ModelLimits): string {
  const pieces = piecesOf(format, localized);
  if (pieces === undefined) return format;
  return pieces
    .map((piece) => {
      if ("literal" in piece) return piece.literal;
      const value = lookUp(fields, piece.path);
      return value === undefined ? "" : renderValue(value, depth, limits);
    })
    .join("");
}

function lookUp(fields: Value, text: string): Value | undefined {
  const whole = member(fields, text);
  if (whole !== undefined) return whole;
  let value: Value | undefined = fields;
  for (const step of text.match(/[A-Za-z0-9_]+|\[[0-9]+\]/g) ?? []) {
    if (value === undefined) return undefined;
    if (!step.startsWith("[")) value = member(value, step);
    else value = value.kind === "array" ? value.items[Number(step.slice(1, -1))] : undefined;
  }
  return value;
}

function member(value: Value, name: string): Value | undefined {
  return value.kind === "object" ? value.members.findLast((candidate) => candidate.name === name)?.value : undefined;
}

function renderValue(value: Value, depth: number, limits: ModelLimits): string {
  if (value.kind === "string") return value.text;
  if (value.kind === "word") return value.literal;
  if (value.kind === "number") return renderNumber(value.literal);
  if (depth === limits.renderDepthMax) return "…";
  if (value.kind === "array") return `[${value.items.map((item) => renderValue(item, depth + 1, limits)).join(", ")}]`;
  const text = dollar(value.members, "$text");
  if (text !== undefined) return text;
  const format = dollar(value.members, "$format");
  if (format !== undefined) return renderTemplate(format, value, depth + 1, false, limits);
  const localized = dollar(value.members, "$locformat");
  if (
    localized !== undefined &&
    dollar(value.members, "$locns") !== undefined &&
    dollar(value.members, "$lockey") !== undefined
  ) {
    return renderTemplate(localized, value, depth + 1, true, limits);
  }
  const members = value.members.map(
    ({ name, value: inner }) => `${JSON.stringify(name)}: ${renderValue(inner, depth + 1, limits)}`,
  );
  return `{${members.join(", ")}}`;
}

function renderNumber(literal: string): string {
  if (/^-?[0-9]{16,}$/.test(literal)) return literal;
  const value = Number(literal);
  return Number.isFinite(value) ? String(value) : literal;
}

/** The first spelling that is a string counts; a later member of the very same spelling replaces it. */
function dollar(members: { name: string; value: Value }[], name: string): string | undefined {
  let found: { name: string; value: Value } | undefined;
  for (const candidate of members) {
    if (candidate.name.toLowerCase() !== name || candidate.name.length !== name.length) continue;
    if (found !== undefined && found.name !== candidate.name) continue;
    found = candidate.value.kind === "string" ? candidate : undefined;
  }
  return found?.value.kind === "string" ? found.value.text : undefined;
}

function cut(message: string, sizeBytesMax: number): string {
  if (wtf8(message).length <= sizeBytesMax) return message;
  let kept = "";
  let sizeBytes = 0;
  for (const character of message) {
    sizeBytes += wtf8(character).length;
    if (sizeBytes > sizeBytesMax - 3) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Parses valid JSON; keeps the order of members, names that come twice, and the text of numbers. */
function parseJson(source: string): Value {
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) throw new Error(`not JSON at ${at}: ${source}`);
    at += match[0].length;
    return match[0];
  };
  const list = (close: string, item: () => void): void => {
    at++;
    while (source.charAt(at) !== close) {
      item();
      if (source.charAt(at) === ",") at++;
    }
    at++;
  };
  const string = (): string => JSON.parse(take(/"(?:[^"\\]|\\.)*"/y)) as string;
  const value = (): Value => {
    const first = source.charAt(at);
    if (first === '"') return { kind: "string", text: string() };
    if (first === "{") {
      const members: { name: string; value: Value }[] = [];
      list("}", () => {
        const name = string();
        at++;
        members.push({ name, value: value() });
      });
      return { kind: "object", members };
    }
    if (first === "[") {
      const items: Value[] = [];
      list("]", () => items.push(value()));
      return { kind: "array", items };
    }
    if (/[tfn]/.test(first)) return { kind: "word", literal: take(/[a-z]+/y) };
    return { kind: "number", literal: take(/[-+.0-9eE]+/y) };
  };
  return value();
}
