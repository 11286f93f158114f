import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where lib/boot.ts keeps compiled sources between processes; a command that has it too starts in half the time. */
export const compileCache = { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") };
