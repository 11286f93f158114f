/** `npm run demo`: the real gateway between stand-ins, to be talked to in a terminal. See main.ts. */
import "../../lib/boot.ts";

// After boot.ts has set up how modules are loaded.
const { runDemo } = await import("./main.ts");
await runDemo(process.argv.slice(2));
