/** The page: connection, sessions and the chosen session; keeps the address, preferences and keys. */
import { html, nothing, type TemplateResult } from "lit";
import { TailraceClient } from "../../client/client.ts";
import { LiveClient } from "../../client/live.ts";
import type { LiveState } from "../../client/live-socket.ts";
import type { SessionObject } from "../../wire/api.ts";
import { loadPreferences, type Preferences, savePreferences } from "../data/preferences.ts";
import { Sessions } from "../data/sessions.ts";
import { noFilter } from "../model/filter.ts";
import { hashOf, parseRoute, type Route } from "../model/route.ts";
import { visibleText } from "../model/visible-text.ts";
import { listen, View } from "./base.ts";
import type { Help } from "./help.ts";
import { icon, mark } from "./icons.ts";
import { closeMenus, runKey } from "./keys.ts";
import type { LogView } from "./log.ts";
import type { SessionPanel } from "./session-panel.ts";
import type { SessionTable } from "./sessions.ts";

/** A word for the reader stays so long. */
const sayMs = 2500;
/** Changes of sessions are shown at most so often. */
const sessionsDelayMs = 250;
/** Relative times move on so often. */
const tickMs = 5000;
/** The server may be away as long as it likes: reads are tried again until it is back. */
const retryForMs = Number.POSITIVE_INFINITY;
const sessionsSizePxMin = 96;

const themes = ["auto", "light", "dark"] as const;
const times = ["local", "utc", "relative"] as const;

export class App extends View {
  static override properties = {
    route: { state: true },
    preferences: { state: true },
    connection: { state: true },
    revision: { state: true },
    nowMs: { state: true },
    said: { state: true },
    loose: { state: true },
  };

  declare route: Route;
  declare preferences: Preferences;
  declare connection: LiveState;
  declare revision: number;
  declare nowMs: number;
  declare said: string;
  /** A session that the feed does not have, read by its id; null when the server does not know it. */
  declare loose: SessionObject | null | undefined;
  readonly #client = new TailraceClient({ url: location.origin, retryForMs });
  readonly #live: LiveClient;
  readonly #sessions: Sessions;
  #sayTimer = 0;
  #sessionsTimer = 0;

  constructor() {
    super();
    this.route = parseRoute(location.hash);
    this.preferences = loadPreferences();
    this.connection = { kind: "connecting", attempt: 1 };
    this.revision = 0;
    this.nowMs = Date.now();
    this.said = "";
    this.#live = new LiveClient({
      url: location.origin,
      openSocket: (url, protocols) => new WebSocket(url, protocols),
      onState: (state) => {
        this.connection = state;
      },
    });
    this.#sessions = new Sessions(this.#live, () => this.#sessionsChanged());
    this.#listen();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#applyTheme();
    this.replaceChildren();
  }

  protected override render(): TemplateResult {
    const { isWide } = this.preferences;
    const session = this.#session;
    return html`
      ${this.#renderTop()}
      <main class=${isWide ? "wide" : ""}>
        ${
          isWide
            ? nothing
            : html`<div class="sessions-frame" .style=${`height:${this.preferences.sessionsSizePx}px`}>
          <tr-sessions .sessions=${this.#sessions.byId} .revision=${this.revision} .selfId=${this.#sessions.selfId} .isKnown=${this.#sessions.isKnown}
            .selectedId=${session?.id ?? ""} .nowMs=${this.nowMs} .time=${this.preferences.time}></tr-sessions></div>
          ${this.#renderSplitter()}`
        }
        ${
          session === undefined
            ? this.#renderNoSession()
            : html`<tr-session .source=${{ client: this.#client, live: this.#live }} .session=${session}
          .route=${this.route} .preferences=${this.preferences} .nowMs=${this.nowMs}
          .isOnline=${this.connection.kind === "open"}></tr-session>`
        }
      </main>
      <div class="toast ${this.said === "" ? "" : "shown"}" role="status">${this.said}</div>
      <tr-help></tr-help>`;
  }

  protected override willUpdate(): void {
    const { session } = this.route;
    const isUnknown = this.#sessions.isKnown && session !== "" && !this.#sessions.byId.has(session);
    if (isUnknown && this.loose === undefined) void this.#readLoose(session);
  }

  protected override updated(): void {
    const session = this.#session;
    const name = session === undefined ? "" : [session.appname, session.mode].filter((part) => part !== undefined).join(" ");
    const title = name === "" ? "tailrace" : `${visibleText(name)} · tailrace`;
    if (document.title !== title) document.title = title;
  }

  #renderTop(): TemplateResult {
    const { theme, isWide } = this.preferences;
    return html`<header class="top">
      <h1>${mark()}tailrace</h1>
      ${this.#renderConnection()}
      <span class="grow"></span>
      <button class="quiet" title="Wide mode (W)" aria-label="Wide mode" aria-pressed=${isWide} @click=${() => this.#prefer({ isWide: !isWide })}>${icon("wide")}</button>
      <button class="quiet" title="Theme: ${theme} (d)" aria-label="Theme: ${theme}" @click=${() => this.#nextTheme()}>${icon(theme === "auto" ? "auto" : theme === "dark" ? "moon" : "sun")}</button>
      <button class="quiet" title="Keyboard (?)" aria-label="Keyboard" @click=${() => this.#help()}>${icon("help")}</button>
    </header>`;
  }

  #renderConnection(): TemplateResult {
    const { connection } = this;
    if (connection.kind === "open")
      return html`<span class="connection open" role="status"><i class="dot active"></i>Live</span>`;
    const reason =
      connection.kind === "connecting" ? (connection.attempt > 1 ? "Reconnecting…" : "Connecting…") : connection.reason;
    const text = connection.kind === "waiting" ? `Offline: ${reason}. Trying again…` : reason;
    return html`<span class="connection ${connection.kind}" role="status"><i class="dot"></i>${text}</span>`;
  }

  #renderSplitter(): TemplateResult {
    const size = this.preferences.sessionsSizePx;
    return html`<div class="splitter" role="separator" tabindex="0" aria-orientation="horizontal" aria-label="Height of the sessions table"
      aria-valuenow=${size} aria-valuemin=${sessionsSizePxMin} aria-valuemax=${Math.round(window.innerHeight * 0.7)}
      @pointerdown=${(event: PointerEvent) => this.#startSplit(event)} @keydown=${(event: KeyboardEvent) => this.#splitKey(event)}></div>`;
  }

  #renderNoSession(): TemplateResult {
    if (this.loose === null)
      return html`<div class="no-session"><p>This server has no session ${this.route.session}.</p>
      <button @click=${() => this.#go({ session: "", seq: 0, filter: noFilter })}>Show the server's own</button></div>`;
    return html`<div class="no-session"><p>${this.#sessions.isKnown ? "Choose a session." : "Loading…"}</p></div>`;
  }

  get #session(): SessionObject | undefined {
    const id = this.route.session === "" ? this.#sessions.selfId : this.route.session;
    return this.#sessions.byId.get(id) ?? (this.loose?.id === id ? this.loose : undefined);
  }

  async #readLoose(id: string): Promise<void> {
    this.loose = null;
    try {
      this.loose = await this.#client.getSession(id, {});
    } catch {
      return;
    }
  }

  #listen(): void {
    listen(this, "tr-go", (change) => this.#go(change));
    listen(this, "tr-filter", (filter) => this.#go({ filter }));
    listen(this, "tr-prefer", (change) => this.#prefer(change));
    listen(this, "tr-say", (text) => this.#say(text));
    window.addEventListener("hashchange", () => {
      this.loose = undefined;
      this.route = parseRoute(location.hash);
    });
    window.addEventListener("keydown", (event) => runKey(event, this.#keys));
    document.addEventListener("pointerdown", (event) => closeMenus(event.target as Node));
    setInterval(() => {
      this.nowMs = Date.now();
    }, tickMs);
  }

  /** Another session is a place to come back to; everything else is a state of the same place. */
  #go(change: Partial<Route>): void {
    const isOther = change.session !== undefined && change.session !== this.route.session;
    const filter = change.filter ?? (isOther ? noFilter : this.route.filter);
    this.route = { ...this.route, ...change, filter };
    if (isOther) this.loose = undefined;
    const hash = hashOf(this.route);
    if (hash === location.hash) return;
    if (isOther) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
  }

  #prefer(change: Partial<Preferences>): void {
    this.preferences = { ...this.preferences, ...change };
    savePreferences(this.preferences);
    this.#applyTheme();
  }

  #applyTheme(): void {
    document.documentElement.dataset["theme"] = this.preferences.theme;
  }

  #nextTheme(): void {
    const theme = themes[(themes.indexOf(this.preferences.theme) + 1) % themes.length]!;
    this.#prefer({ theme });
    this.#say(`Theme: ${theme}`);
  }

  #nextTime(): void {
    const time = times[(times.indexOf(this.preferences.time) + 1) % times.length]!;
    this.#prefer({ time });
    this.#say(`Times: ${time}`);
  }

  #say(text: string): void {
    clearTimeout(this.#sayTimer);
    this.said = text;
    this.#sayTimer = window.setTimeout(() => {
      this.said = "";
    }, sayMs);
  }

  #sessionsChanged(): void {
    if (this.#sessionsTimer !== 0) return;
    const isFirst = this.revision === 0;
    this.#sessionsTimer = window.setTimeout(
      () => {
        this.#sessionsTimer = 0;
        this.revision++;
      },
      isFirst ? 0 : sessionsDelayMs,
    );
  }

  #help(): void {
    this.querySelector<Help>("tr-help")?.toggle();
  }

  get #keys(): Record<string, () => void> {
    const { preferences } = this;
    const onLog = (action: (log: LogView) => void) => () => {
      const log = this.querySelector<SessionPanel>("tr-session")?.log;
      if (log !== undefined && this.route.tab === "log") action(log);
    };
    return {
      j: onLog((log) => log.list?.stepRow(1)),
      k: onLog((log) => log.list?.stepRow(-1)),
      g: onLog((log) => void log.list?.goToEnd("top")),
      G: onLog((log) => void log.list?.goToEnd("bottom")),
      f: onLog((log) => log.toggleFollow()),
      n: onLog((log) => void log.list?.stepMatch(1)),
      N: onLog((log) => void log.list?.stepMatch(-1)),
      e: onLog((log) => void log.list?.stepError(1)),
      E: onLog((log) => void log.list?.stepError(-1)),
      " ": onLog((log) => log.list?.stepPage(1)),
      "Shift Space": onLog((log) => log.list?.stepPage(-1)),
      PageDown: onLog((log) => log.list?.stepPage(1)),
      PageUp: onLog((log) => log.list?.stepPage(-1)),
      ArrowDown: onLog((log) => log.list?.stepRow(1)),
      ArrowUp: onLog((log) => log.list?.stepRow(-1)),
      Home: onLog((log) => void log.list?.goToEnd("top")),
      End: onLog((log) => void log.list?.goToEnd("bottom")),
      Enter: onLog((log) => log.toggleCurrent()),
      ArrowRight: onLog((log) => log.list?.setOpen(true)),
      ArrowLeft: onLog((log) => log.list?.setOpen(false)),
      c: onLog((log) => log.copyCurrent("line")),
      l: onLog((log) => log.copyCurrent("link")),
      "/": onLog((log) => log.focusSearch()),
      s: () => this.querySelector<SessionTable>("tr-sessions")?.focusSearch(),
      m: () => this.#prefer({ search: preferences.search === "filter" ? "highlight" : "filter" }),
      w: () => this.#prefer({ isWrapped: !preferences.isWrapped }),
      o: () => this.#prefer({ order: preferences.order === "oldest" ? "newest" : "oldest" }),
      t: () => this.#nextTime(),
      h: () => this.#prefer({ isTimelineShown: !preferences.isTimelineShown }),
      W: () => this.#prefer({ isWide: !preferences.isWide }),
      d: () => this.#nextTheme(),
      1: () => this.#go({ tab: "log" }),
      2: () => this.#go({ tab: "overview" }),
      3: () => this.#go({ tab: "metadata" }),
      "?": () => this.#help(),
      Escape: () => this.#escape(),
    };
  }

  #escape(): void {
    if (!closeMenus() && this.route.filter.text !== "") this.#go({ filter: { ...this.route.filter, text: "" } });
  }

  #startSplit(event: PointerEvent): void {
    const splitter = event.currentTarget as HTMLElement;
    const from = { y: event.clientY, size: this.preferences.sessionsSizePx };
    splitter.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent) => this.#split(from.size + moved.clientY - from.y);
    splitter.addEventListener("pointermove", move);
    splitter.addEventListener("lostpointercapture", () => splitter.removeEventListener("pointermove", move), { once: true });
  }

  #splitKey(event: KeyboardEvent): void {
    const step = event.key === "ArrowDown" ? 28 : event.key === "ArrowUp" ? -28 : 0;
    if (step === 0) return;
    event.preventDefault();
    this.#split(this.preferences.sessionsSizePx + step);
  }

  #split(sizePx: number): void {
    const sessionsSizePx = Math.round(Math.max(sessionsSizePxMin, Math.min(window.innerHeight * 0.7, sizePx)));
    this.#prefer({ sessionsSizePx });
  }
}
