/** Which Python has the `websockets` package: Debian's own has it when python3-websockets is installed, another first in PATH may not. */
import { spawnSync } from "node:child_process";

/** The program, undefined where there is none. */
export const pythonWithWebsockets = ["python3", "/usr/bin/python3"].find(
  (python) => spawnSync(python, ["-c", "import websockets"]).status === 0,
);
