/** The metadata tab: everything the server knows about a session, and the JSON its client gave. */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { TailraceClient } from "../../client/client.ts";
import type { SessionObject } from "../../wire/api.ts";
import { jsonTokens, parseExactJson } from "../model/exact-json.ts";
import { durationText, fullCount, fullTime, sizeText, type TimeMode } from "../model/format.ts";
import { visibleText } from "../model/visible-text.ts";
import { View } from "./base.ts";
import { copyText } from "./clipboard.ts";
import { icon } from "./icons.ts";
import { renderPlatform } from "./sessions.ts";

export class Metadata extends View {
  static override properties = {
    session: { attribute: false },
    time: { type: String },
    exact: { state: true },
  };

  declare client: TailraceClient;
  declare session: SessionObject;
  declare time: TimeMode;
  /** The session as it was sent, digits included. */
  declare exact: { readonly id: string; readonly metadata: unknown } | undefined;

  protected override updated(changed: PropertyValues<this>): void {
    const before = changed.get("session");
    if (changed.has("session") && (before?.id !== this.session.id || before.updated_at !== this.session.updated_at))
      void this.#load();
  }

  protected override render(): TemplateResult {
    const metadata = this.exact?.id === this.session.id ? this.exact.metadata : this.session.metadata;
    const text = jsonTokens(metadata)
      .map((token) => token.text)
      .join("");
    return html`<div class="metadata">
      <section aria-labelledby="session-title">
        <h3 id="session-title">Session</h3>
        <dl>${this.#facts().map(([name, value]) => (value === nothing ? nothing : html`<div><dt>${name}</dt><dd>${value}</dd></div>`))}</dl>
      </section>
      <section aria-labelledby="metadata-title">
        <h3 id="metadata-title">Metadata <button class="quiet" @click=${() => void copyText(this, text, "Metadata")}>${icon("copy")}Copy</button></h3>
        <pre class="json" tabindex="0" aria-label="Metadata as JSON">${jsonTokens(metadata).map(({ kind, text: piece }) =>
          kind === "mark" ? piece : html`<span class=${kind}>${visibleText(piece)}</span>`,
        )}</pre>
      </section>
    </div>`;
  }

  #facts(): [string, unknown][] {
    const { session } = this;
    const clock = this.time === "utc" ? "utc" : "local";
    const text = (value: string | number | null | undefined) =>
      value === undefined || value === null ? nothing : visibleText(String(value));
    const endMs = session.ended_at === null ? Date.now() : Date.parse(session.ended_at);
    const parent = session.parent_session_id;
    return [
      ["Id", html`<code>${session.id}</code>`],
      ["Program", text(session.appname)],
      ["Mode", text(session.mode)],
      ["Platform", renderPlatform(session.platform)],
      ["Process", text(session.pid)],
      ["Job", text(session.jobid)],
      ["Parent", parent === undefined ? nothing : html`<a href="#s=${parent}"><code>${parent}</code></a>`],
      ["Status", session.status],
      ["Created", fullTime(session.created_at, clock)],
      ["Last activity", fullTime(session.last_activity_at, clock)],
      ["Ended", session.ended_at === null ? nothing : fullTime(session.ended_at, clock)],
      ["Reason", text(session.end_reason)],
      ["Duration", durationText(endMs - Date.parse(session.created_at))],
      ["Entries", keptText(session)],
      ["Size", session.archived ? `${sizeText(session.bytes)}, archived` : sizeText(session.bytes)],
    ];
  }

  async #load(): Promise<void> {
    const { id } = this.session;
    try {
      const response = await this.client.http.send({ path: `/sessions/${id}` });
      const { metadata } = parseExactJson(await response.text()) as SessionObject;
      if (this.session.id === id) this.exact = { id, metadata };
    } catch {
      // The metadata of the sessions feed stays on show.
      return;
    }
  }
}

function keptText({ head, first }: SessionObject): string {
  return first > 1 ? `${fullCount(head)}, kept from ${fullCount(first)} on` : fullCount(head);
}
