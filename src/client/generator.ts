/** Makes logs like those of a game editor, the same ones for the same seed: for the demo, the benches and tests. */
import type { LevelName } from "../record/levels.ts";

export interface GeneratedEntry {
  /** Milliseconds since the epoch. */
  timeMs: number;
  level: LevelName;
  logger: string;
  /** The text, also of a structured entry: what the server must render. */
  message: string;
  /** Template and its fields as compact JSON; both absent in a plain entry. */
  format?: string;
  fields?: string;
}

export interface GeneratorOptions {
  readonly seed: number;
  readonly structured: boolean;
  /** Time of the first entry; a fixed day by default, so that the whole output is fixed. */
  readonly startMs?: number;
}

const startMsDefault = Date.UTC(2026, 10, 20, 10);

/** Numbers in [0, 1) from a 32-bit state (mulberry32): small, fast, the same everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Value = string | number | boolean | readonly number[] | { readonly [name: string]: Value };

interface Shape {
  readonly weight: number;
  readonly level: LevelName;
  readonly logger: string;
  readonly format: string;
  /** `format` cut up once. */
  readonly pieces: readonly (string | readonly string[])[];
  readonly fields: (dice: Dice) => Record<string, Value>;
}

/** What a shape draws its values from. */
class Dice {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  /** A number with up to `decimals` decimals, so that its shortest form is what is printed. */
  decimal(limit: number, decimals: number): number {
    const unit = 10 ** decimals;
    return Math.floor(this.random() * limit * unit) / unit;
  }
}

const maps = ["/Game/Maps/Harbor", "/Game/Maps/Mountain_P", "/Game/Maps/Città_Vecchia", "/Game/Maps/夜の街"];
const packages = ["Characters/Hero/SK_Hero", "Props/Crate/SM_Crate", "FX/NS_Explosion", "UI/WBP_Inventory", "Audio/MX_Theme"];
const materials = ["M_Stone_Inst", "M_Water", "M_Foliage_Masked", "MI_Glass_Tinted", "M_Landscape_Layered"];
const users = ["ana", "björn", "chidi", "daiyu", "emil"];
const crates = ["Engine", "RenderCore", "Niagara", "Slate", "Chaos"];

/** The usual things an editor says, by how often it says them. */
const shapes: readonly Shape[] = [
  shape(
    24,
    "info",
    "LogStreaming",
    "Loaded package /Game/{package} in {ms} ms ({bytes} bytes, {dependencies} dependencies)",
    (dice) => ({
      package: dice.pick(packages),
      ms: dice.decimal(400, 2),
      bytes: dice.below(90_000_000),
      dependencies: dice.below(300),
    }),
  ),
  shape(
    18,
    "debug",
    "LogShaderCompilers",
    "Compiled {count} shaders for {material.name} ({material.permutations} permutations), {remaining} remaining",
    (dice) => ({
      count: dice.below(64) + 1,
      material: { name: dice.pick(materials), permutations: dice.below(4096) },
      remaining: dice.below(20_000),
    }),
  ),
  shape(
    14,
    "trace",
    "LogRenderer",
    "Frame {frame}: game {game_ms} ms, draw {draw_ms} ms, gpu {gpu_ms} ms, {draws} draws",
    (dice) => ({
      frame: dice.below(1_000_000),
      game_ms: dice.decimal(33, 2),
      draw_ms: dice.decimal(33, 2),
      gpu_ms: dice.decimal(33, 2),
      draws: dice.below(9000),
    }),
  ),
  shape(
    10,
    "info",
    "LogAssetRegistry",
    "Scanned {directories} directories and {files} files under {root} in {seconds} s",
    (dice) => ({
      directories: dice.below(5000),
      files: dice.below(200_000),
      root: dice.pick(maps),
      seconds: dice.decimal(20, 3),
    }),
  ),
  shape(10, "info", "LogNet", "Client {user} at {address} joined {map}, ping {ping} ms, loss {loss} %", (dice) => ({
    user: dice.pick(users),
    address: `10.0.${dice.below(256)}.${dice.below(256)}:${7777 + dice.below(100)}`,
    map: dice.pick(maps),
    ping: dice.below(180),
    loss: dice.decimal(5, 1),
  })),
  shape(
    7,
    "info",
    "LogHttp",
    "{method} https://ddc.example/{bucket} answered {status} after {ms} ms, cached {cached}",
    (dice) => ({
      method: dice.pick(["GET", "PUT", "HEAD"]),
      bucket: `derived/${dice.below(2 ** 31).toString(16)}`,
      status: dice.pick([200, 200, 200, 204, 304, 404, 503]),
      ms: dice.decimal(900, 1),
      cached: dice.random() < 0.5,
    }),
  ),
  shape(6, "debug", "LogMemory", "Pools {pools} MiB, peak {peak} MiB, {{free}} list {free}", (dice) => ({
    pools: [dice.below(512), dice.below(512), dice.below(2048)],
    peak: dice.below(32_768),
    free: dice.below(4096),
  })),
  shape(5, "warn", "LogBlueprint", "Node {node} of {blueprint} reads None at [{line}] for {user}", (dice) => ({
    node: dice.pick(["GetOwner", "Cast To BP_Hero", "Set Visibility", "Add Impulse"]),
    blueprint: dice.pick(packages),
    line: dice.below(400),
    user: dice.pick(users),
  })),
  shape(3, "warn", "LogSlate", 'Widget "{widget}" took {ms} ms to paint\ttab "{tab}"', (dice) => ({
    widget: dice.pick(["SGraphEditor", "SOutliner", "SContentBrowser"]),
    ms: dice.decimal(250, 1),
    tab: dice.pick(["Details", "Outliner \\ World", "Sequencer"]),
  })),
  shape(
    2,
    "error",
    "LogCore",
    "Ensure failed: {check} [{file}:{line}]\n  {module}!Assert() + {offset} bytes\n  {module}!Tick() + {offset} bytes",
    (dice) => ({
      check: dice.pick(["Index >= 0", "IsInGameThread()", "Owner != nullptr"]),
      file: "D:\\build\\Source\\Runtime\\Array.h",
      line: dice.below(2000),
      module: dice.pick(crates),
      offset: dice.below(65_536),
    }),
  ),
  shape(0.2, "critical", "LogD3D12RHI", "Device removed, reason {reason}, after {frames} frames", (dice) => ({
    reason: dice.pick(["HUNG", "RESET", "DRIVER_INTERNAL_ERROR"]),
    frames: dice.below(2_000_000),
  })),
];

const weightTotal = shapes.reduce((sum, { weight }) => sum + weight, 0);

/** Returns a function that makes one entry after the other. */
export function editorLog(options: GeneratorOptions): () => GeneratedEntry {
  const dice = new Dice(options.seed);
  let timeMs = options.startMs ?? startMsDefault;
  return () => {
    timeMs += dice.below(12);
    const { level, logger, format, pieces, fields } = pickShape(dice);
    const values = fields(dice);
    const message = filled(pieces, values);
    if (!options.structured) return { timeMs, level, logger, message };
    return { timeMs, level, logger, message, format, fields: JSON.stringify(values) };
  };
}

function shape(
  weight: number,
  level: LevelName,
  logger: string,
  format: string,
  fields: (dice: Dice) => Record<string, Value>,
): Shape {
  return { weight, level, logger, format, pieces: piecesOf(format), fields };
}

function pickShape(dice: Dice): Shape {
  let rest = dice.random() * weightTotal;
  for (const candidate of shapes) {
    rest -= candidate.weight;
    if (rest < 0) return candidate;
  }
  return shapes[0] as Shape;
}

/** Literal text and member paths of a template, in turns: literal first. */
function piecesOf(format: string): readonly (string | readonly string[])[] {
  const pieces: (string | readonly string[])[] = [];
  let literal = "";
  let start = 0;
  for (const match of format.matchAll(/\{\{|\}\}|\{([\w.]+)\}/g)) {
    literal += format.slice(start, match.index);
    start = match.index + match[0].length;
    if (match[1] === undefined) literal += match[0][0];
    else {
      pieces.push(literal, match[1].split("."));
      literal = "";
    }
  }
  pieces.push(literal + format.slice(start));
  return pieces;
}

/** Fills a template the simple way: enough for the templates above, and independent of the server's renderer. */
function filled(pieces: Shape["pieces"], fields: Record<string, Value>): string {
  let text = "";
  for (const piece of pieces) {
    if (typeof piece === "string") {
      text += piece;
      continue;
    }
    let value: Value | undefined = fields;
    for (const name of piece) value = (value as Record<string, Value>)[name];
    text += Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
  }
  return text;
}
