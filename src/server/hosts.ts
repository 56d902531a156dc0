/** Whom the server answers: guards against DNS rebinding (Host) and against foreign pages (Origin). */

/** Checks the Host and Origin headers; the last good value is remembered, since clients repeat it. */
export class HostGuard {
  readonly #names: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  #lastGoodHost = "";

  /** @param boundHost the address the server listens on; with a wildcard every IP address is a good name. */
  constructor(boundHost: string, allowHosts: readonly string[], allowOrigins: readonly string[]) {
    const names = ["localhost", "127.0.0.1", "[::1]", boundHost, `[${boundHost}]`, ...allowHosts];
    this.#names = new Set(names.map((name) => name.toLowerCase()));
    this.#origins = new Set(allowOrigins.map((origin) => origin.toLowerCase()));
  }

  /** @param host value of the Host header, "" when absent. */
  isGoodHost(host: string): boolean {
    if (host === this.#lastGoodHost && host !== "") return true;
    if (!this.#names.has(nameOf(host))) return false;
    this.#lastGoodHost = host;
    return true;
  }

  /** @param origin value of the Origin header, "" when absent: then the client is no browser. */
  isGoodOrigin(origin: string): boolean {
    if (origin === "" || this.#origins.has(origin.toLowerCase())) return true;
    const match = /^https?:\/\/(.+)$/i.exec(origin);
    return match !== null && this.#names.has(nameOf(match[1] ?? ""));
  }
}

/** Returns the host without its port, in lower case. */
function nameOf(host: string): string {
  const match = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(host.trim().toLowerCase());
  return match?.[1] ?? "";
}
