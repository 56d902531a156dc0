/** Whom the server answers: guards against DNS rebinding (Host) and against foreign pages (Origin). */

/** Checks the Host and Origin headers; the last good value is remembered, since clients repeat it. */
export class HostGuard {
  readonly #names: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  /** Every address of the machine is bound. Addresses are no names, so nobody can make one lead here. */
  readonly #takesAddresses: boolean;
  #lastGoodHost = "";

  /** @param boundHost the address the server listens on; with a wildcard every IP address is a good name. */
  constructor(boundHost: string, allowHosts: readonly string[], allowOrigins: readonly string[]) {
    const names = ["localhost", "127.0.0.1", "[::1]", boundHost, `[${boundHost}]`, ...allowHosts];
    this.#names = new Set(names.map((name) => name.toLowerCase()));
    this.#takesAddresses = boundHost === "0.0.0.0" || boundHost === "::";
    this.#origins = new Set(allowOrigins.map((origin) => origin.toLowerCase()));
  }

  /** @param host value of the Host header, "" when absent. */
  isGoodHost(host: string): boolean {
    if (host === this.#lastGoodHost && host !== "") return true;
    const name = nameOf(host);
    if (!this.#names.has(name) && !(this.#takesAddresses && isAddress(name))) return false;
    this.#lastGoodHost = host;
    return true;
  }

  /**
   * @param origin value of the Origin header, "" when absent: then the client is no browser.
   * @param host value of the Host header, a good one.
   */
  isGoodOrigin(origin: string, host: string): boolean {
    if (origin === "" || this.#origins.has(origin.toLowerCase())) return true;
    const match = /^https?:\/\/(.+)$/i.exec(origin);
    if (match === null) return false;
    const name = nameOf(match[1] ?? "");
    // A page of another address is foreign, wherever it is from; that of the address which is asked is ours.
    return this.#names.has(name) || (this.#takesAddresses && isAddress(name) && name === nameOf(host));
  }
}

function isAddress(name: string): boolean {
  return name.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}

/** Returns the host without its port, in lower case. */
function nameOf(host: string): string {
  const match = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(host.trim().toLowerCase());
  return match?.[1] ?? "";
}
