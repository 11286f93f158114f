import { homedir } from "node:os";
import { join } from "node:path";

/** Where lib/compile-cache.js keeps compiled sources, for processes that are given no home: they start in half the time. */
export const compileCache = { NODE_COMPILE_CACHE: join(homedir(), ".cache", "openclaw", "compiled") };
