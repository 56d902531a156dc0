/** Rendering, in entries: each form beside JSON.parse of the same fields. */
import { ByteColumn, utf8 } from "#src/base/bytes.ts";
import { Dictionary, hashOf } from "#src/record/dictionary.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const entryCount = 1000;

interface Form {
  name: string;
  format: string;
  /** Fields of entry `index`. */
  fields(index: number): unknown;
}

const forms: Form[] = [
  { name: "no placeholder", format: "Garbage collection started", fields: () => ({}) },
  {
    name: "4 placeholders of 4",
    format: "Loaded {asset} in {ms} ms ({bytes} bytes, {status})",
    fields: (index) => ({ asset: `/Game/Maps/Level_${index}`, ms: index / 8 + 0.25, bytes: index * 4096, status: "ok" }),
  },
  {
    name: "2 placeholders of 12",
    format: "Request {method} {path}",
    fields: (index) => ({
      requestId: `req-${index}`,
      method: "GET",
      path: `/api/v1/items/${index}?expand=owner`,
      status: 200,
      durationMs: index % 97,
      bytes: index * 17,
      remote: "127.0.0.1",
      agent: "curl/8.5.0",
      trace: "4bf92f3577b34da6a3ce929d0e0e4736",
      cached: false,
      retries: 0,
      user: null,
    }),
  },
  {
    name: "paths and arrays",
    format: "{http.method} {http.url.path} took {timing.total} ms, hops {hops[0]}",
    fields: (index) => ({
      http: { method: "POST", url: { scheme: "https", path: `/upload/${index}` } },
      timing: { total: index * 3, wait: 1 },
      hops: ["edge-1", "core-7"],
    }),
  },
  {
    name: "$text and $format",
    format: "Player {player} picked {item}",
    fields: (index) => ({
      player: { $type: "Player", $text: `Player_${index}`, id: index },
      item: { $format: "{name} x{count}", name: "Arrow", count: index },
    }),
  },
  {
    name: "object as it is",
    format: "State {state}",
    fields: (index) => ({ state: { id: index, tags: ["a", "b"], at: { x: index, y: 2 } } }),
  },
  {
    name: "escapes and long decimals",
    format: "{text} {value}",
    fields: (index) => ({ text: `line ${index}\n"quoted"\ttab`, value: 0.1 + index / 3 }),
  },
];

/** Renders a block of entries per form. */
export const stage: Stage = { name: "render", cases: () => [...forms.flatMap(casesOf), eachItsOwn()] };

function casesOf(form: Form): StageCase[] {
  const fields = new ByteColumn(1024);
  const ends = new Uint32Array(entryCount + 1);
  for (let index = 0; index < entryCount; index++) {
    const entry = utf8(JSON.stringify(form.fields(index)));
    fields.append(entry, 0, entry.length);
    ends[index + 1] = fields.length;
  }
  const templates = new Dictionary();
  const format = utf8(form.format);
  const template = templates.intern(format, 0, format.length);
  const renderer = new Renderer();
  const target = new ByteColumn(1024 * 1024);
  const run = () => {
    target.length = 0;
    renderer.beginBlock();
    for (let index = 0; index < entryCount; index++) {
      renderer.render(templates, template, fields.bytes, ends[index] ?? 0, ends[index + 1] ?? 0, target);
    }
    return hashOf(target.bytes, 0, Math.min(target.length, 64));
  };
  const buffer = Buffer.from(fields.bytes.buffer, 0, fields.length);
  const parse = () => {
    let count = 0;
    for (let index = 0; index < entryCount; index++) {
      if (JSON.parse(buffer.toString("utf8", ends[index], ends[index + 1])) !== null) count++;
    }
    return count;
  };
  return [
    { name: form.name, count: entryCount, sizeBytes: fields.length, run },
    { name: "  JSON.parse of its fields", count: entryCount, sizeBytes: fields.length, run: parse },
  ];
}

/** The worst client: a new template in every entry, more of them than are kept. */
function eachItsOwn(): StageCase {
  const templates = new Dictionary();
  const templateCount = 10_000;
  for (let index = 0; index < templateCount; index++) {
    const format = utf8(`Job ${index} of {queue} took {ms} ms`);
    templates.intern(format, 0, format.length);
  }
  const fields = utf8('{"queue":"default","ms":12}');
  const renderer = new Renderer();
  const target = new ByteColumn(1024 * 1024);
  const run = () => {
    target.length = 0;
    renderer.beginBlock();
    for (let index = 1; index <= templateCount; index++) renderer.render(templates, index, fields, 0, fields.length, target);
    return hashOf(target.bytes, 0, 64);
  };
  return { name: "a template per entry", count: templateCount, sizeBytes: templates.bytes.length, run };
}

await runWhenMain(import.meta.url, stage);
