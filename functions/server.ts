/** The process: config, database, gateway; SIGHUP reloads, SIGTERM drains. */
import "../lib/boot.ts";

// After boot.ts has set up how modules are loaded.
const { runServer } = await import("./process.ts");
await runServer();
