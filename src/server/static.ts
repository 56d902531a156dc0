/** The dashboard's files, read once at start; hashed names are cached for ever, the page itself never. */

import { readDashboard } from "../storage/dashboard-files.ts";
import type { Answer } from "./exchange.ts";
import type { Route } from "./http.ts";

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
    const answer = answerOf(name, body);
    routes.push({ path: name === "index.html" ? "/dashboard/" : `/dashboard/${name}`, verbs: { get: () => answer } });
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
  };
  return { status: 200, headers, body };
}
