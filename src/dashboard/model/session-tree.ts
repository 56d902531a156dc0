/** The sessions table: filter, sort and nest the whole set, then cut the page that is shown. */
import type { SessionObject } from "../../wire/api.ts";

export type SortKey = "app" | "platform" | "head" | "bytes" | "created" | "updated";

export interface SessionView {
  readonly status: "all" | "active" | "ended";
  readonly search: string;
  readonly sort: SortKey;
  readonly isDescending: boolean;
  /** Page from 0. */
  readonly page: number;
  readonly pageSize: number;
  /** Parents whose children are hidden. */
  readonly collapsed: ReadonlySet<string>;
}

export interface SessionRow {
  readonly session: SessionObject;
  readonly depth: number;
  readonly childCount: number;
  readonly isCollapsed: boolean;
  /** It does not match itself, one below it does. */
  readonly isContext: boolean;
}

export interface SessionPage {
  readonly rows: SessionRow[];
  /** Sessions that match. */
  readonly matchCount: number;
  readonly pageCount: number;
  /** The page that is shown: the asked one, or the last there is. */
  readonly page: number;
}

interface Node {
  readonly session: SessionObject;
  readonly children: Node[];
}

/** Parents above parents that are followed; deeper chains and circles are cut. */
const depthMax = 16;

/** Returns the rows of one page. A unit (a session and those below it) is sorted by its root and never split. */
export function pageOf(sessions: Iterable<SessionObject>, view: SessionView): SessionPage {
  const { roots, matching } = arrange(sessions, view);
  const pageCount = Math.max(1, Math.ceil(roots.length / view.pageSize));
  const page = Math.min(Math.max(0, view.page), pageCount - 1);
  const rows: SessionRow[] = [];
  for (const root of roots.slice(page * view.pageSize, (page + 1) * view.pageSize)) flatten(root, 0, view, matching, rows);
  return { rows, matchCount: matching.size, pageCount, page };
}

/** Returns the page on which `id` stands, or -1 when the view leaves it out. */
export function pageIndexOf(sessions: Iterable<SessionObject>, view: SessionView, id: string): number {
  const index = arrange(sessions, view).roots.findIndex((root) => holds(root, id));
  return index < 0 ? -1 : Math.floor(index / view.pageSize);
}

function arrange(sessions: Iterable<SessionObject>, view: SessionView): { roots: Node[]; matching: Set<string> } {
  const all = new Map<string, SessionObject>();
  for (const session of sessions) all.set(session.id, session);
  const matching = new Set<string>();
  for (const session of all.values()) if (isMatch(session, view)) matching.add(session.id);
  const roots = nest(all, withAncestors(all, matching));
  sortNodes(roots, comparatorOf(view));
  return { roots, matching };
}

function holds(node: Node, id: string): boolean {
  return node.session.id === id || node.children.some((child) => holds(child, id));
}

function isMatch(session: SessionObject, view: SessionView): boolean {
  if (view.status !== "all" && session.status !== view.status) return false;
  const words = view.search.toLowerCase().split(/\s+/);
  const { id, appname, mode, platform, jobid, pid } = session;
  const text = [id, appname, mode, platform, jobid, pid].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function withAncestors(all: ReadonlyMap<string, SessionObject>, matching: ReadonlySet<string>): Set<string> {
  const shown = new Set(matching);
  for (const id of matching) {
    let parent = parentOf(all, id);
    for (let depth = 0; parent !== undefined && depth < depthMax && !shown.has(parent); depth++) {
      shown.add(parent);
      parent = parentOf(all, parent);
    }
  }
  return shown;
}

function parentOf(all: ReadonlyMap<string, SessionObject>, id: string): string | undefined {
  const parent = all.get(id)?.parent_session_id;
  return parent !== undefined && parent !== id && all.has(parent) ? parent : undefined;
}

function nest(all: ReadonlyMap<string, SessionObject>, shown: ReadonlySet<string>): Node[] {
  const nodes = new Map<string, Node>();
  for (const id of shown) nodes.set(id, { session: all.get(id)!, children: [] });
  const roots: Node[] = [];
  for (const [id, node] of nodes) {
    const parent = isInCircle(all, id) ? undefined : nodes.get(parentOf(all, id) ?? "");
    if (parent === undefined) roots.push(node);
    else parent.children.push(node);
  }
  return roots;
}

function isInCircle(all: ReadonlyMap<string, SessionObject>, id: string): boolean {
  let at = parentOf(all, id);
  for (let depth = 0; at !== undefined; depth++) {
    if (at === id || depth >= depthMax) return true;
    at = parentOf(all, at);
  }
  return false;
}

function sortNodes(nodes: Node[], compare: (one: SessionObject, other: SessionObject) => number): void {
  nodes.sort((one, other) => compare(one.session, other.session));
  for (const node of nodes) sortNodes(node.children, compare);
}

function comparatorOf({ sort, isDescending }: SessionView): (one: SessionObject, other: SessionObject) => number {
  const sign = isDescending ? -1 : 1;
  return (one, other) => sign * compareBy(sort, one, other) || (one.id < other.id ? 1 : -1);
}

function compareBy(sort: SortKey, one: SessionObject, other: SessionObject): number {
  if (sort === "head") return one.head - other.head;
  if (sort === "bytes") return one.bytes - other.bytes;
  const left = textOf(sort, one);
  const right = textOf(sort, other);
  return left < right ? -1 : Number(left > right);
}

function textOf(sort: "app" | "platform" | "created" | "updated", session: SessionObject): string {
  if (sort === "app") return `${session.appname ?? ""} ${session.mode ?? ""}`.toLowerCase();
  if (sort === "platform") return (session.platform ?? "").toLowerCase();
  return sort === "created" ? session.created_at : session.last_activity_at;
}

function flatten(node: Node, depth: number, view: SessionView, matching: ReadonlySet<string>, rows: SessionRow[]): void {
  const { session, children } = node;
  const isCollapsed = view.collapsed.has(session.id);
  rows.push({ session, depth, childCount: children.length, isCollapsed, isContext: !matching.has(session.id) });
  if (!isCollapsed) for (const child of children) flatten(child, depth + 1, view, matching, rows);
}
