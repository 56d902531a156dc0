/** JSON of what is small and not entries: bodies that steer, messages of a WebSocket. */
import { utf8 } from "../base/bytes.ts";
import { JsonScanner } from "./json-scan.hot.ts";
import { type Refusal, refuse } from "./outcome.ts";

/** Made when a text is broken for the first time. */
let scanner: JsonScanner | undefined;

/** Returns the value that `text` spells, or at which byte it is broken. @param what begins the sentence: "The body". */
export function parseJson(text: string, what: string): { readonly value: unknown } | Refusal {
  try {
    return { value: JSON.parse(text) };
  } catch {
    const offset = brokenAt(text);
    return refuse("invalid_json", `${what} is not JSON at byte ${offset}.`, { offset });
  }
}

/** The parser of the platform does not always say where, and counts characters; so the scanner of batches looks again. */
function brokenAt(text: string): number {
  scanner ??= new JsonScanner();
  const bytes = utf8(text);
  scanner.load(bytes, 0, bytes.length);
  const end = scanner.skipValue(scanner.white(scanner.begin));
  return end < 0 ? scanner.faultOffset : scanner.white(end) - scanner.begin;
}
