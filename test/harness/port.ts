/** Ports for servers that come back on the same one. */
import { createServer } from "node:net";

/** Below what the system gives to outgoing connections: one of these could take the port while its server is away. */
const portMin = 12_000;
const portMax = 32_000;

/** Returns a port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
