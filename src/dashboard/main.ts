/** Entry of the page: registers the components. */
import { html, LitElement } from "lit";

class App extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
  protected override render(): unknown {
    return html`<h1>tailrace</h1>`;
  }
}
customElements.define("tr-app", App);
