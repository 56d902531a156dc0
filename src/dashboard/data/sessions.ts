/** All sessions of the server, as the live feed tells them. */
import type { LiveClient } from "../../client/live.ts";
import type { SessionObject } from "../../wire/api.ts";

export class Sessions {
  readonly byId = new Map<string, SessionObject>();
  selfId = "";
  /** False until the first list is here. */
  isKnown = false;
  readonly #onChange: () => void;
  readonly #stop: () => void;

  constructor(live: LiveClient, onChange: () => void) {
    this.#onChange = onChange;
    this.#stop = live.watchSessions("all", {
      onSessions: (sessions, selfId) => this.#replace(sessions, selfId),
      onSession: (session) => this.#set(session),
      onRemoved: (id) => this.#remove(id),
    });
  }

  close(): void {
    this.#stop();
  }

  #replace(sessions: readonly SessionObject[], selfId: string): void {
    this.byId.clear();
    for (const session of sessions) this.byId.set(session.id, session);
    this.selfId = selfId;
    this.isKnown = true;
    this.#onChange();
  }

  #set(session: SessionObject): void {
    this.byId.set(session.id, session);
    this.#onChange();
  }

  #remove(id: string): void {
    this.byId.delete(id);
    this.#onChange();
  }
}
