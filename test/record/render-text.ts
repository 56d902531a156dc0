/** Renders with strings on both sides, for tests. */
import { type AnyBytes, ByteColumn, utf8 } from "#src/base/bytes.ts";
import { Dictionary } from "#src/record/dictionary.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";

const shared = new Renderer();

/** Returns the message of `format` with the JSON object `fieldsJson` (empty: no fields). */
export function render(format: string, fieldsJson = "", renderer = shared): string {
  return fromWtf8(renderBytes(wtf8(format), utf8(fieldsJson), renderer));
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

/** Returns UTF-8 of `text`, where a lone surrogate stands as its three-byte form. */
export function wtf8(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else bytes.push(...utf8(character));
  }
  return new Uint8Array(bytes);
}

/** Returns the text of `bytes`; throws when a sequence is broken. */
export function fromWtf8(bytes: AnyBytes): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0;
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead === 0xed && (bytes[at + 1] ?? 0) >= 0xa0) {
      text += String.fromCharCode(0xd000 | (((bytes[at + 1] ?? 0) & 0x3f) << 6) | ((bytes[at + 2] ?? 0) & 0x3f));
    } else {
      text += new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + size));
    }
    at += size;
  }
  return text;
}
