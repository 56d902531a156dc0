/** The keyboard map, opened with `?`. */
import { html, type TemplateResult } from "lit";
import { View } from "./base.ts";
import { icon } from "./icons.ts";

const groups: readonly { readonly title: string; readonly keys: readonly (readonly [string, string])[] }[] = [
  {
    title: "Move",
    keys: [
      ["j  k", "next and previous entry"],
      ["g  G", "top and bottom of the log"],
      ["n  N", "next and previous match"],
      ["e  E", "next and previous error"],
      ["Space  ⇧Space", "a screen down or up"],
    ],
  },
  {
    title: "Look",
    keys: [
      ["Enter", "open or close an entry"],
      ["→  ←", "open it; close it, fold its trace"],
      ["f", "follow the newest entries"],
      ["w", "wrap long lines"],
      ["o", "oldest or newest first"],
      ["t", "local, UTC or relative times"],
      ["h", "timeline above the log"],
    ],
  },
  {
    title: "Find and take",
    keys: [
      ["/", "search the log"],
      ["m", "filter or highlight matches"],
      ["s", "search the sessions"],
      ["c  l", "copy the line, or a link to it"],
      ["Esc", "clear the search, close what is open"],
    ],
  },
  {
    title: "Page",
    keys: [
      ["1  2  3", "log, overview, metadata"],
      ["W", "wide mode"],
      ["d", "dark, light or automatic"],
      ["?", "this map"],
    ],
  },
];

export class Help extends View {
  /** Opens the map; a second call closes it. */
  toggle(): void {
    const dialog = this.querySelector("dialog");
    if (dialog?.open) dialog.close();
    else dialog?.showModal();
  }

  protected override render(): TemplateResult {
    return html`
      <dialog class="help" aria-labelledby="help-title" @click=${this.#clicked}>
        <header>
          <h2 id="help-title">Keyboard</h2>
          <button class="quiet" aria-label="Close" @click=${this.toggle}>${icon("close")}</button>
        </header>
        <div class="groups">${groups.map(
          ({ title, keys }) => html`
            <section>
              <h3>${title}</h3>
              <dl>${keys.map(
                ([names, what]) =>
                  html`<div><dt>${names.split(/\s+/).map((name) => html`<kbd>${name}</kbd>`)}</dt><dd>${what}</dd></div>`,
              )}</dl>
            </section>`,
        )}</div>
      </dialog>`;
  }

  #clicked(event: MouseEvent): void {
    if (event.target instanceof HTMLDialogElement) event.target.close();
  }
}
