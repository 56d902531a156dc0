/** Debian's Chromium, driven as a reader's browser: installed when missing, one per file, a fresh profile per test. */
import assert from "node:assert/strict";
import { after, before, type TestContext } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import type { TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { chromiumFlags, chromiumPath, mustHaveChromium } from "./chromium.ts";
import { probeSource } from "./probe.ts";

/** A row of the log as it is on the screen. */
export interface ShownRow {
  readonly kind: "entry" | "gap" | "fold";
  /** 0 for rows that are no entries. */
  readonly seq: number;
  readonly text: string;
  readonly level: string;
  /** Pixels from the top of the list. */
  readonly y: number;
  readonly height: number;
}

export interface OpenOptions {
  /** Behind `#`. */
  readonly hash?: string;
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** Kept by the page as the reader's preferences. */
  readonly preferences?: object;
}

/** One page under test. */
export class Reader {
  readonly page: Page;
  /** What the page complained of: errors, refused scripts and styles. */
  readonly complaints: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(String(error.stack)));
    page.on("console", (message) => {
      // A server that is away is no fault of the page.
      const isNetwork = /net::ERR_|WebSocket connection|Failed to load resource/.test(message.text());
      if (["error", "warning"].includes(message.type()) && !isNetwork) this.complaints.push(message.text());
    });
  }

  /** Evaluates an expression in the page. */
  ask<T>(expression: string): Promise<T> {
    return this.page.evaluate(expression) as Promise<T>;
  }

  /** Returns the rows of the log that are visible, from top to bottom. */
  rows(): Promise<ShownRow[]> {
    return this.ask("probe.rows()");
  }

  async seqs(): Promise<number[]> {
    return (await this.rows()).filter((row) => row.kind === "entry").map((row) => row.seq);
  }

  /** Waits until the visible rows satisfy `condition`, and returns them. */
  rowsUntil(what: string, condition: (rows: ShownRow[]) => boolean): Promise<ShownRow[]> {
    return until(what, async () => {
      const rows = await this.rows();
      return condition(rows) ? rows : undefined;
    });
  }

  /** Waits until the list has come to rest, and returns its rows. */
  async settled(): Promise<ShownRow[]> {
    let last = "";
    let sameCount = 0;
    return until("a list at rest", async () => {
      const rows = await this.rows();
      const text = JSON.stringify(rows);
      sameCount = text === last ? sameCount + 1 : 0;
      last = text;
      return sameCount >= 10 ? rows : undefined;
    });
  }

  /** Waits until an expression is true in the page. */
  async truth(expression: string): Promise<void> {
    await until(expression, () =>
      this.ask<boolean>(`(() => { try { return Boolean(${expression}) } catch { return false } })()`),
    );
  }

  text(selector: string): Promise<string> {
    return this.page.locator(selector).first().innerText();
  }

  /** Waits until the text of `selector` matches. */
  async textUntil(selector: string, pattern: RegExp): Promise<string> {
    return until(`${selector} says ${pattern}`, async () => {
      const found = await this.ask<string | null>(`probe.text(${JSON.stringify(selector)})`);
      return found !== null && pattern.test(found) ? found : undefined;
    });
  }

  press(...keys: string[]): Promise<void> {
    return keys.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve());
  }

  /** Turns the wheel over the log. */
  async wheel(deltaY: number): Promise<void> {
    const box = await this.page.locator(".log-scroll").boundingBox();
    assert.ok(box !== null, "the log is visible");
    await this.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await this.page.mouse.wheel(0, deltaY);
  }
}

/** A browser that all tests of a file share. */
export function sharedBrowser(): (t: TestContext, server: TestServer, options?: OpenOptions) => Promise<Reader> {
  let browser: Browser | undefined;
  before(async () => {
    mustHaveChromium();
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags });
  });
  after(() => browser?.close());
  return async (t, server, options = {}) => {
    const { hash = "", theme = "light", width = 1280, height = 800, preferences } = options;
    const context = await browser!.newContext({
      viewport: { width, height },
      colorScheme: theme,
      timezoneId: "UTC",
      permissions: ["clipboard-read", "clipboard-write"],
      acceptDownloads: true,
    });
    const page = await context.newPage();
    const reader = new Reader(page);
    await page.addInitScript(probeSource);
    if (preferences !== undefined) {
      await page.addInitScript(`localStorage.setItem("tailrace.preferences", ${JSON.stringify(JSON.stringify(preferences))})`);
    }
    t.after(async () => {
      await context.close();
      assert.deepEqual(reader.complaints, [], "the page has nothing to complain of");
    });
    await page.goto(`${server.url}/dashboard/${hash}`);
    await reader.truth("document.querySelector('tr-session .status')");
    return reader;
  };
}
