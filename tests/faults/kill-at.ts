/** Loaded by --import: kills its own process at the checkpoint named in the environment, unless that was done before. */
import { subscribe } from "node:diagnostics_channel";
import { existsSync, writeFileSync } from "node:fs";

const [point, nth, marker = ""] = (process.env["OPENCLAW_TEST_KILL"] ?? "").split(" ");
let hits = 0;

if (!existsSync(marker))
  subscribe("openclaw.checkpoint", (name) => {
    if (name !== point || ++hits !== Number(nth)) return;
    writeFileSync(marker, "");
    process.kill(process.pid, "SIGKILL");
  });
