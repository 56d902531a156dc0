/** The menu that saves what the filter lets through. */
import { html, nothing, type TemplateResult } from "lit";
import type { ExportFormat, TailraceClient } from "../../client/client.ts";
import type { SessionObject } from "../../wire/api.ts";
import { exportLog, extensions, saveBlob } from "../data/export.ts";
import { isNarrowed, type LogFilter, noFilter } from "../model/filter.ts";
import { emit, View } from "./base.ts";
import { icon } from "./icons.ts";

const formats: readonly { readonly format: ExportFormat; readonly label: string }[] = [
  { format: "ndjson", label: "NDJSON" },
  { format: "csv", label: "CSV" },
  { format: "text", label: "Text" },
];

export class ExportMenu extends View {
  static override properties = {
    session: { attribute: false },
    filter: { attribute: false },
    share: { state: true },
  };

  declare client: TailraceClient;
  declare session: SessionObject;
  declare filter: LogFilter;
  /** How much of a running export is done, 0 to 1; undefined while none runs. */
  declare share: number | undefined;
  #abort: AbortController | undefined;

  constructor() {
    super();
    this.filter = noFilter;
  }

  protected override render(): TemplateResult {
    return html`<details class="menu export">
      <summary title="Export" aria-label="Export">${icon("download")}${icon("down")}</summary>
      <div class="panel">
        <p class="muted">${isNarrowed(this.filter) ? "What the filter lets through" : "The whole log"}</p>
        ${formats.map(
          ({ format, label }) => html`<button ?disabled=${this.share !== undefined || !this.#canExport(format)}
            title=${this.#canExport(format) ? nothing : "Field filters can be exported as NDJSON only"} @click=${() => void this.#export(format)}>${label}</button>`,
        )}
        ${
          this.share === undefined
            ? nothing
            : html`<div class="running"><progress max="1" .value=${this.share} aria-label="Export"></progress>
          <button class="quiet" @click=${() => this.#abort?.abort()}>Cancel</button></div>`
        }
      </div>
    </details>`;
  }

  #canExport(format: ExportFormat): boolean {
    return format === "ndjson" || this.filter.fields.length === 0;
  }

  async #export(format: ExportFormat): Promise<void> {
    const { client, session, filter } = this;
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.share = 0;
    try {
      // The head of the list of sessions may be a moment old.
      const { head } = await client.getSession(session.id, { signal });
      const onProgress = (share: number) => {
        this.share = share;
      };
      const blob = await exportLog({ client, session: session.id, filter, format, head, signal, onProgress });
      saveBlob(blob, `${session.appname ?? "session"}-${session.id.slice(0, 8)}.${extensions[format]}`);
      this.querySelector("details")!.open = false;
    } catch (error) {
      if (!signal.aborted) emit(this, "tr-say", error instanceof Error ? error.message : String(error));
    } finally {
      this.share = undefined;
    }
  }
}
