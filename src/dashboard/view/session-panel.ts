/** One session: who it is, and its tabs. */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { SessionObject } from "../../wire/api.ts";
import type { FeedSource } from "../data/log-feed.ts";
import type { Preferences } from "../data/preferences.ts";
import { StatsPoll } from "../data/stats-poll.ts";
import { agoText, compactCount, durationText, fullCount, fullTime, sizeText } from "../model/format.ts";
import type { Route, Tab } from "../model/route.ts";
import { visibleText } from "../model/visible-text.ts";
import { emit, listen, View, type ViewEvents } from "./base.ts";
import { copyText } from "./clipboard.ts";
import { icon } from "./icons.ts";
import type { LogView } from "./log.ts";
import { renderPlatform } from "./sessions.ts";

const tabs: readonly { readonly tab: Tab; readonly title: string }[] = [
  { tab: "log", title: "Log" },
  { tab: "overview", title: "Overview" },
  { tab: "metadata", title: "Metadata" },
];

export class SessionPanel extends View {
  static override properties = {
    session: { attribute: false },
    route: { attribute: false },
    preferences: { attribute: false },
    nowMs: { type: Number },
    isOnline: { type: Boolean },
    statsRevision: { state: true },
    charted: { state: true },
  };

  declare source: FeedSource;
  declare session: SessionObject;
  declare route: Route;
  declare preferences: Preferences;
  declare nowMs: number;
  declare isOnline: boolean;
  declare statsRevision: number;
  declare charted: ViewEvents["tr-chart"];
  #polled: StatsPoll | undefined;

  constructor() {
    super();
    this.statsRevision = 0;
    this.isOnline = true;
    this.charted = { template: "", path: "" };
    listen(this, "tr-chart", (charted) => {
      this.charted = charted;
      emit(this, "tr-go", { tab: "overview" });
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#polled?.close();
  }

  get log(): LogView {
    return this.querySelector<LogView>("tr-log")!;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    this.#polled ??= new StatsPoll(this.source.client, () => {
      this.statsRevision++;
    });
    if (changed.has("session") && changed.get("session")?.id !== this.session.id) this.charted = { template: "", path: "" };
  }

  protected override render(): TemplateResult {
    const { tab, filter, seq } = this.route;
    return html`
      ${this.#renderHead()}
      <div class="tab-panel" id="panel-log" role="tabpanel" aria-labelledby="tab-log" ?hidden=${tab !== "log"}>
        <tr-log .source=${this.source} .session=${this.session} .filter=${filter} .seq=${seq} .preferences=${this.preferences}
          .polled=${this.#polled!} .statsRevision=${this.statsRevision} .isOnline=${this.isOnline}></tr-log>
      </div>
      ${
        tab === "overview"
          ? html`<div class="tab-panel" id="panel-overview" role="tabpanel" aria-labelledby="tab-overview" tabindex="0">
            <tr-overview .client=${this.source.client} .session=${this.session} .filter=${filter} .preferences=${this.preferences}
              .polled=${this.#polled!} .statsRevision=${this.statsRevision} .charted=${this.charted}></tr-overview></div>`
          : nothing
      }
      ${
        tab === "metadata"
          ? html`<div class="tab-panel" id="panel-metadata" role="tabpanel" aria-labelledby="tab-metadata" tabindex="0">
            <tr-metadata .client=${this.source.client} .session=${this.session} .time=${this.preferences.time}></tr-metadata></div>`
          : nothing
      }`;
  }

  #renderHead(): TemplateResult {
    const { session } = this;
    return html`<header class="session-head">
      <span class="dot ${session.status}" title=${session.status}></span>
      <h2>${visibleText(session.appname ?? "unnamed")}${session.mode === undefined ? nothing : html` <span class="mode">${visibleText(session.mode)}</span>`}</h2>
      ${renderPlatform(session.platform)}
      ${session.is_self ? html`<span class="pill this">this server</span>` : nothing}
      <button class="quiet id" title="Copy the id" @click=${() => void copyText(this, session.id, "Id")}><code>${session.id}</code>${icon("copy")}</button>
      <span class="muted facts-line">${this.#factsText()}</span>
      <span class="grow"></span>
      <div class="tabs" role="tablist" aria-label="Views of the session" @keydown=${(event: KeyboardEvent) => this.#tabKey(event)}>${tabs.map(
        ({
          tab,
          title,
        }) => html`<button role="tab" id="tab-${tab}" aria-controls=${tab === this.route.tab ? `panel-${tab}` : nothing}
          aria-selected=${tab === this.route.tab} tabindex=${tab === this.route.tab ? 0 : -1} @click=${() => emit(this, "tr-go", { tab })}>${title}</button>`,
      )}</div>
    </header>`;
  }

  #factsText(): TemplateResult {
    const { session } = this;
    const clock = this.preferences.time === "utc" ? "utc" : "local";
    const entries = html`<span title="${fullCount(session.head)} entries">${compactCount(session.head)} ${session.head === 1 ? "entry" : "entries"}</span> · ${sizeText(session.bytes)}`;
    if (session.ended_at === null)
      return html`${entries} · <span title=${fullTime(session.created_at, clock)}>started ${agoText(Date.parse(session.created_at), this.nowMs)}</span>`;
    const lasted = durationText(Date.parse(session.ended_at) - Date.parse(session.created_at));
    const reason = session.end_reason === null ? "" : `: ${session.end_reason}`;
    return html`${entries} · <span title=${fullTime(session.ended_at, clock)}>ended ${agoText(Date.parse(session.ended_at), this.nowMs)} after ${lasted}${visibleText(reason)}</span>`;
  }

  #tabKey(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const index = tabs.findIndex(({ tab }) => tab === this.route.tab);
    const { tab } = tabs[(index + step + tabs.length) % tabs.length]!;
    emit(this, "tr-go", { tab });
    this.querySelector<HTMLElement>(`#tab-${tab}`)?.focus();
  }
}
