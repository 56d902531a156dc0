/** Entry of the page: gives every component its name. */
import { App } from "./view/app.ts";
import { EntryDetail } from "./view/entry-detail.ts";
import { ExportMenu } from "./view/export-menu.ts";
import { FieldChart } from "./view/field-chart.ts";
import { Help } from "./view/help.ts";
import { LogView } from "./view/log.ts";
import { LogBar } from "./view/log-bar.ts";
import { Metadata } from "./view/metadata.ts";
import { Overview } from "./view/overview.ts";
import { SessionPanel } from "./view/session-panel.ts";
import { SessionTable } from "./view/sessions.ts";
import { Timeline } from "./view/timeline.ts";

const components: Readonly<Record<string, CustomElementConstructor>> = {
  "tr-entry": EntryDetail,
  "tr-export": ExportMenu,
  "tr-field-chart": FieldChart,
  "tr-help": Help,
  "tr-log": LogView,
  "tr-log-bar": LogBar,
  "tr-metadata": Metadata,
  "tr-overview": Overview,
  "tr-session": SessionPanel,
  "tr-sessions": SessionTable,
  "tr-timeline": Timeline,
  "tr-app": App,
};

for (const [name, component] of Object.entries(components)) customElements.define(name, component);
