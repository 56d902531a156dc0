/** A slow and obvious reading of entries: what decoding bytes is compared with. */
import type { ModelEntry } from "../record/entries.ts";
import { receivedNs } from "./decoding.ts";

/** A JSON value with its text as it was sent, white space outside strings aside. */
export interface JsonNode {
  readonly raw: string;
  /** The value as JSON.parse has it. */
  readonly value: unknown;
  /** Members in order, when it is an object. */
  readonly members?: readonly JsonMember[];
}

export interface JsonMember {
  readonly name: string;
  readonly rawName: string;
  readonly node: JsonNode;
}

const tokenPattern = /[{}[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+/gy;
const spacePattern = /[ \t\r\n]*/y;

/** Parses valid JSON. */
export function parseNode(json: string): JsonNode {
  const tokens: string[] = [];
  for (let at = 0; at < json.length; ) {
    spacePattern.lastIndex = at;
    at += spacePattern.exec(json)?.[0].length ?? 0;
    tokenPattern.lastIndex = at;
    const token = tokenPattern.exec(json)?.[0];
    if (token === undefined) break;
    tokens.push(token);
    at += token.length;
  }
  let next = 0;
  const value = (): JsonNode => {
    const start = next;
    const token = tokens[next++] as string;
    const members: JsonMember[] = [];
    if (token === "{" || token === "[") {
      const end = token === "{" ? "}" : "]";
      while (tokens[next] !== end) {
        if (tokens[next] === ",") next++;
        const rawName = token === "{" ? (tokens[next] as string) : "";
        if (token === "{") next += 2;
        const node = value();
        if (token === "{") members.push({ name: JSON.parse(rawName) as string, rawName, node });
      }
      next++;
    }
    const raw = tokens.slice(start, next).join("");
    return { raw, value: JSON.parse(raw), ...(token === "{" ? { members } : {}) };
  };
  return value();
}

/** Names that mean one thing; the first that is there wins. */
const groups = {
  timestamp: ["timestamp", "@timestamp", "time", "ts"],
  level: ["level"],
  logger: ["logger", "name"],
  message: ["message", "msg"],
  format: ["format"],
  fields: ["fields", "data"],
} as const;

type Group = keyof typeof groups;

const levels = ["trace", "debug", "info", "warn", "error", "critical"];
const levelAliases: Readonly<Record<string, string>> = {
  warning: "warn",
  err: "error",
  fatal: "critical",
  display: "info",
  log: "info",
  verbose: "debug",
  veryverbose: "trace",
};

/** Returns the entry that an object is, or the name of the member it is refused for. */
export function readEntry(json: string): ModelEntry | string {
  const members = parseNode(json).members ?? [];
  const dropped = new Set(members.filter((member) => isTakenBack(members, member.name)).map((member) => member.name));
  const winners = new Map<Group, string>();
  for (const group of Object.keys(groups) as Group[]) {
    const winner = groups[group].find((name) => !dropped.has(name) && members.some((member) => isKnown(member, name)));
    if (winner !== undefined) winners.set(group, winner);
  }
  const names = [...winners.values()];
  const invalid = members.find((member) => names.some((name) => isKnown(member, name)) && !isValid(member));
  if (invalid !== undefined) return groupOf(invalid.name) as string;
  return build(members, winners, dropped);
}

function build(
  members: readonly JsonMember[],
  winners: ReadonlyMap<Group, string>,
  dropped: ReadonlySet<string>,
): ModelEntry | string {
  const winner = (group: Group) => members.findLast((member) => isKnown(member, winners.get(group) ?? "none"));
  const level = winner("level")?.node.value;
  const message = winner("message");
  const format = winner("format")?.node.value as string | undefined;
  if (message === undefined && format === undefined && typeof level !== "number") return "message";
  const others = members.filter((member) => isOther(member, members, winners, dropped)).map(textOfMember);
  const own = winner("fields")?.node.members?.map(textOfMember);
  let fields = own === undefined && others.length === 0 ? undefined : `{${[...(own ?? []), ...others].join(",")}}`;
  let text = message?.node.value as string | undefined;
  if (format !== undefined) {
    const rendered = format + (fields ?? "");
    if (message !== undefined && text !== rendered) {
      const kept = `"${message.name}":${message.node.raw}`;
      fields = fields === undefined || fields === "{}" ? `{${kept}}` : `${fields.slice(0, -1)},${kept}}`;
    }
    text = rendered;
  }
  const time = winner("timestamp")?.node.raw;
  const entry: ModelEntry = {
    timeNs: time === undefined ? receivedNs : (timeOf(time) as bigint),
    level: levelOf(level),
    text: text ?? "",
  };
  const logger = winner("logger")?.node.value as string | undefined;
  if (logger !== undefined) entry.logger = logger;
  if (format !== undefined) entry.template = format;
  if (fields !== undefined) entry.fields = fields;
  return entry;
}

/** Whether the last member of this name is null and an earlier one is not. */
function isTakenBack(members: readonly JsonMember[], name: string): boolean {
  let taken = false;
  let seen = false;
  for (const member of members) {
    if (groupOf(name) === undefined || member.name !== name) continue;
    if (member.node.value === null) {
      taken ||= seen;
      seen = false;
    } else if (isKnown(member, name)) {
      taken = false;
      seen = true;
    }
  }
  return taken;
}

function groupOf(name: string): Group | undefined {
  return (Object.keys(groups) as Group[]).find((group) => (groups[group] as readonly string[]).includes(name));
}

/** Whether a member is meant as `name`: null is not, nor is a `name` that is no text or `data` that is no object. */
function isKnown(member: JsonMember, name: string): boolean {
  if (member.name !== name || member.node.value === null) return false;
  return (name !== "name" || typeof member.node.value === "string") && (name !== "data" || member.node.members !== undefined);
}

function isOther(
  member: JsonMember,
  members: readonly JsonMember[],
  winners: ReadonlyMap<Group, string>,
  dropped: ReadonlySet<string>,
): boolean {
  const { name, node } = member;
  const group = groupOf(name);
  if (group === undefined) return true;
  if (dropped.has(name)) return false;
  if (node.value !== null && !isKnown(member, name)) return true;
  // A name that lost to another goes with all it had, nulls too.
  return winners.get(group) !== name && members.some((other) => isKnown(other, name));
}

function isValid(member: JsonMember): boolean {
  const { value, raw, members } = member.node;
  const group = groupOf(member.name);
  if (group === "timestamp") return timeOf(raw) !== undefined;
  if (group === "level") return levelOf(value) >= 0;
  if (group === "fields") return members !== undefined;
  return typeof value === "string";
}

function textOfMember(member: JsonMember): string {
  return `${member.rawName}:${member.node.raw}`;
}

function levelOf(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value >= 10 && value <= 60 ? Math.floor(value / 10) : -1;
  if (typeof value !== "string") return -1;
  const name = value.toLowerCase();
  const index = levels.indexOf(levelAliases[name] ?? name);
  return index < 0 ? -1 : index + 1;
}

/** Times as intake takes them; of dates only those with milliseconds in UTC, which is all that generators make. */
function timeOf(raw: string): bigint | undefined {
  if (/^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"$/.test(raw)) return BigInt(Date.parse(raw.slice(1, -1))) * 1_000_000n;
  const text = /^"-?\d+"$/.test(raw) ? raw.slice(1, -1) : raw;
  const [, sign, whole, part, power] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const mantissa = BigInt(whole + (part ?? ""));
  const shift = (text === raw ? 6 : 0) + Number(power ?? 0) - (part ?? "").length;
  const size = shift >= 0 ? mantissa * 10n ** BigInt(shift) : mantissa / 10n ** BigInt(-shift);
  const nanoseconds = sign === "-" ? -size : size;
  return nanoseconds === BigInt.asIntN(64, nanoseconds) ? nanoseconds : undefined;
}
