/** What opens under an entry: the whole message, its template and fields, and what can be done with them. */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { TailraceClient } from "../../client/client.ts";
import type { EntryObject } from "../../wire/api.ts";
import { NumberLiteral, parseExactJson } from "../model/exact-json.ts";
import { leafCountMax, leavesOf, numberAtPath } from "../model/fields.ts";
import { isNarrowed, type LogFilter, noFilter, textOfValue, toggleSeenField } from "../model/filter.ts";
import { fullCount, fullTime, type TimeMode } from "../model/format.ts";
import { templatePieces } from "../model/template.ts";
import { visibleText } from "../model/visible-text.ts";
import { emit, View } from "./base.ts";
import { copyText } from "./clipboard.ts";
import { icon } from "./icons.ts";
import { lineOf, linkTo } from "./log-row.ts";

export class EntryDetail extends View {
  static override properties = {
    entry: { attribute: false },
    session: { type: String },
    filter: { attribute: false },
    time: { type: String },
    exactFields: { state: true },
  };

  declare client: TailraceClient;
  declare entry: EntryObject;
  declare session: string;
  declare filter: LogFilter;
  declare time: TimeMode;
  /** The fields with every digit that was sent; absent until they are here. */
  declare exactFields: unknown;

  protected override updated(changed: PropertyValues): void {
    if (changed.has("entry") && this.entry.fields !== undefined) void this.#loadExact();
  }

  protected override render(): TemplateResult {
    const { entry } = this;
    return html`<div class="detail">
      <div class="facts">
        <span title="number of the entry in its session">#${fullCount(entry.seq)}</span>
        <time datetime=${entry.timestamp}>${fullTime(entry.timestamp, this.time)}</time>
        ${entry.level === undefined ? nothing : html`<span class="level-name" data-level=${entry.level}>${entry.level}</span>`}
        ${entry.logger === undefined ? nothing : this.#renderLogger(entry.logger)}
        <span class="grow"></span>
        ${this.#renderActions()}
      </div>
      ${isWhollyShown(entry.message) ? nothing : html`<pre class="whole">${visibleText(entry.message)}</pre>`}
      ${entry.format === undefined ? nothing : this.#renderTemplate(entry.format)}
      ${entry.fields === undefined ? nothing : this.#renderFields()}
    </div>`;
  }

  #renderLogger(logger: string): TemplateResult {
    const isOn = this.filter.logger === logger;
    return html`<button class="value" aria-pressed=${isOn} title=${isOn ? "Show all loggers" : "Show only this logger"}
      @click=${() => emit(this, "tr-filter", { ...this.filter, logger: isOn ? "" : logger })}>${visibleText(logger)}</button>`;
  }

  #renderActions(): TemplateResult {
    const link = linkTo(this.session, this.entry.seq);
    return html`
      <button class="quiet" @click=${() => void copyText(this, lineOf(this.entry), "Line")}>${icon("copy")}Copy line</button>
      <button class="quiet" @click=${() => void copyText(this, link, "Link")}>${icon("link")}Copy link</button>
      ${
        isNarrowed(this.filter)
          ? html`<button class="quiet" @click=${() => emit(this, "tr-go", { filter: noFilter, seq: this.entry.seq })}>${icon("context")}Show in context</button>`
          : nothing
      }`;
  }

  #renderTemplate(template: string): TemplateResult {
    const isOn = this.filter.template === template;
    return html`<div class="template">
      <h4>Template</h4>
      <code>${templatePieces(template).map(({ text, isPlaceholder }) =>
        isPlaceholder ? html`<b>${visibleText(text)}</b>` : visibleText(text),
      )}</code>
      <button class="quiet" aria-pressed=${isOn} @click=${() => emit(this, "tr-filter", { ...this.filter, template: isOn ? "" : template })}>
        ${icon("filter")}${isOn ? "All templates" : "Only this template"}</button>
    </div>`;
  }

  #renderFields(): TemplateResult {
    const leaves = leavesOf(this.exactFields ?? this.entry.fields);
    return html`<div class="fields">
      <h4>Fields</h4>
      <table>
        <tbody>${leaves.map(({ path, value }) => this.#renderField(path, value))}</tbody>
      </table>
      ${leaves.length === leafCountMax ? html`<p class="muted">The first ${leafCountMax} are shown.</p>` : nothing}
    </div>`;
  }

  #renderField(path: string, value: unknown): TemplateResult {
    const compared = { path, value: textOfValue(valueForFilter(value)) };
    const isOn = this.filter.fields.some((field) => field.path === path && field.value === compared.value);
    const template = this.entry.format;
    const isNumber = numberAtPath(this.entry.fields, path) !== undefined;
    return html`<tr>
      <th scope="row">${visibleText(path)}</th>
      <td>
        <button class="value ${kindOf(value)}" aria-pressed=${isOn} title=${isOn ? "Show every value" : "Show only entries with this value"}
          @click=${() => emit(this, "tr-filter", toggleSeenField(this.filter, compared, template))}>${visibleText(shownValue(value))}</button>
        ${
          isNumber && template !== undefined
            ? html`<button class="quiet small" title="Draw over time" aria-label="Draw ${path} over time" @click=${() => emit(this, "tr-chart", { template, path })}>${icon("chart")}</button>`
            : nothing
        }
      </td>
    </tr>`;
  }

  /** Reads the entry once more as text: doubles have lost what long numbers carried. */
  async #loadExact(): Promise<void> {
    const { entry } = this;
    if (!hasLongNumber(entry.fields)) return;
    try {
      const response = await this.client.readAs(this.session, "ndjson", { cursor: entry.seq - 1, limit: 1 });
      const exact = parseExactJson((await response.text()).trim()) as EntryObject;
      if (this.entry === entry && exact.seq === entry.seq) this.exactFields = exact.fields;
    } catch {
      // What is shown already stays: rounded numbers.
      return;
    }
  }
}

/** A short line needs no second place. */
function isWhollyShown(message: string): boolean {
  return message.length <= 80 && !message.includes("\n");
}

/** The filter compares what pages carry, and those carry doubles. */
function valueForFilter(value: unknown): unknown {
  return value instanceof NumberLiteral ? Number(value.literal) : value;
}

function shownValue(value: unknown): string {
  if (value instanceof NumberLiteral) return value.literal;
  if (value === "") return '""';
  return textOfValue(value);
}

function kindOf(value: unknown): string {
  if (value instanceof NumberLiteral || typeof value === "number") return "number";
  return typeof value === "string" ? "string" : "word";
}

function hasLongNumber(fields: unknown): boolean {
  return leavesOf(fields).some(({ value }) => typeof value === "number" && String(value).replace(/\D/g, "").length > 14);
}
