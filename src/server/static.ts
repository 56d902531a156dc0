/** The dashboard's files, read once at start; hashed names are cached for ever, the page itself never. */
import { gzipSync } from "node:zlib";
import { readDashboard } from "../storage/dashboard-files.ts";
import type { Answer } from "./exchange.ts";
import type { Handler, Route } from "./http.ts";

/** Scripts, styles and connections from here only; uPlot and the virtual list set styles through the CSSOM, which needs no exception. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  json: "application/json",
  woff2: "font/woff2",
  png: "image/png",
  map: "application/json",
};

/** Returns the routes of the page; without built files it says how to build them. */
export function dashboardRoutes(): Route[] {
  const files = readDashboard(new URL("../dashboard/", import.meta.url));
  const redirect: Answer = { status: 302, headers: { Location: "/dashboard/" }, body: "" };
  const routes: Route[] = [
    { path: "/", verbs: { get: () => redirect } },
    { path: "/dashboard", verbs: { get: () => redirect } },
  ];
  if (!files.has("index.html")) {
    const missing: Answer = {
      status: 404,
      headers: { "Content-Type": "text/plain" },
      body: "The dashboard is not built: npm run build\n",
    };
    return [...routes, { path: "/dashboard/", verbs: { get: () => missing } }];
  }
  for (const [name, body] of files) {
    const plain = answerOf(name, body);
    // Packed for the first who takes it, so that a start does not wait for it.
    let packed: Answer | undefined;
    const get: Handler = (exchange) => {
      if (!exchange.takesGzip) return plain;
      packed ??= packedAnswer(plain, body);
      return packed;
    };
    routes.push({ path: name === "index.html" ? "/dashboard/" : `/dashboard/${name}`, verbs: { get } });
  }
  return routes;
}

function answerOf(name: string, body: Uint8Array): Answer {
  const type = types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  const isHashed = name.startsWith("assets/");
  const headers = {
    "Content-Type": type,
    "Cache-Control": isHashed ? "public, max-age=31536000, immutable" : "no-cache",
    "Content-Security-Policy": contentSecurityPolicy,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    Vary: "Accept-Encoding",
  };
  return { status: 200, headers, body };
}

function packedAnswer(plain: Answer, body: Uint8Array): Answer {
  const packed = gzipSync(body);
  return packed.length < body.length
    ? { ...plain, headers: { ...plain.headers, "Content-Encoding": "gzip" }, body: packed }
    : plain;
}
