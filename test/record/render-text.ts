/** Renders with strings on both sides, for tests. */
import { type AnyBytes, ByteColumn, utf8 } from "#src/base/bytes.ts";
import { Dictionary } from "#src/record/dictionary.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { textOfWtf8, wtf8 } from "./entries.ts";

const shared = new Renderer();

/** Returns the message of `format` with the JSON object `fieldsJson` (empty: no fields). */
export function render(format: string, fieldsJson = "", renderer = shared): string {
  return textOfWtf8(renderBytes(wtf8(format), utf8(fieldsJson), renderer));
}

/** The same over bytes. */
export function renderBytes(format: AnyBytes, fields: AnyBytes, renderer: Renderer): AnyBytes {
  const templates = new Dictionary();
  const target = new ByteColumn(16);
  target.append(utf8("before"), 0, 6);
  renderer.beginBlock();
  renderer.render(templates, templates.intern(format, 0, format.length), fields, 0, fields.length, target);
  return target.bytes.slice(6, target.length);
}
