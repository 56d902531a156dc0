/** Keeps parsed templates, so that each distinct one is parsed once as long as it is used. */
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import { hashOf } from "./dictionary.hot.ts";
import { parseTemplate, type Template } from "./template.ts";

const localizedHashMask = 0x5bd1e995;

/** Bounded by count and by bytes; what was not used for a turn of the clock goes. */
export class TemplateCache {
  missCount = 0;
  sizeBytes = 0;
  /** By hash: of two templates with one hash the later stays, so nobody can build long chains. */
  readonly #templates = new Map<number, Template>();
  /** All kept templates; the hand goes round and takes those that were not used since it last came by. */
  readonly #clock: (Template | undefined)[] = [];
  readonly #freePlaces: number[] = [];
  #hand = 0;
  readonly #countMax: number;
  readonly #sizeBytesMax: number;

  constructor(countMax: number, sizeBytesMax: number) {
    this.#countMax = countMax;
    this.#sizeBytesMax = sizeBytesMax;
  }

  get count(): number {
    return this.#templates.size;
  }

  /** Returns the parsed form of `source[start, end)`, which is copied when it is new. */
  find(source: AnyBytes, start: number, end: number, localized: boolean): Template {
    const hash = hashOf(source, start, end) ^ (localized ? localizedHashMask : 0);
    const known = this.#templates.get(hash);
    if (known !== undefined && known.localized === localized && sameBytes(known.text, source, start, end)) {
      known.used = true;
      return known;
    }
    this.missCount++;
    const template = parseTemplate(source, start, end, localized);
    if (template.sizeBytes <= this.#sizeBytesMax / 2) {
      if (known !== undefined) this.#drop(known);
      this.#keep(hash, template);
    }
    return template;
  }

  #keep(hash: number, template: Template): void {
    const { sizeBytes } = template;
    while (this.count >= this.#countMax || this.sizeBytes + sizeBytes > this.#sizeBytesMax) this.#evict();
    template.kept = true;
    template.hash = hash;
    template.place = this.#freePlaces.pop() ?? this.#clock.length;
    this.#clock[template.place] = template;
    this.#templates.set(hash, template);
    this.sizeBytes += sizeBytes;
  }

  /** Takes the next template that was not used since the hand last came by; the cache holds one. */
  #evict(): void {
    for (;;) {
      const template = this.#clock[this.#hand];
      this.#hand = this.#hand + 1 < this.#clock.length ? this.#hand + 1 : 0;
      if (template?.used === false) {
        this.#drop(template);
        break;
      }
      if (template !== undefined) template.used = false;
    }
  }

  #drop(template: Template): void {
    this.sizeBytes -= template.sizeBytes;
    this.#templates.delete(template.hash);
    this.#clock[template.place] = undefined;
    this.#freePlaces.push(template.place);
    template.release();
  }
}

function sameBytes(text: OwnedBytes, source: AnyBytes, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = 0; index < text.length; index++) if (text[index] !== source[start + index]) return false;
  return true;
}
