import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { access, copyFile, mkdir, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { freePort } from "../../support/free-port.ts";
import { chrootEnvironment, inChroot, startInChroot } from "./chroot-process.ts";
import { ensureChroot } from "./sid.ts";

/** A running OpenAI-compatible server, on loopback, with a model that talks gibberish. */
export interface Llama {
  /** Base URL for clients; it ends in /v1. */
  url: string;
  model: string;
  logs(): string;
  stop(): Promise<void>;
}

/** What a model server for a test may be given. */
export interface LlamaOptions {
  /** Wanted as the bearer token of every request; without it none is wanted. */
  apiKey?: string;
  /** Tokens of prompt and answer together; a longer prompt is answered with a 400. */
  contextTokens?: number;
  /** Requests answered at the same time. */
  parallel?: number;
}

const MODEL = "tiny-random";

/** Starts llama-server and returns when it is healthy; throws `PeersUnavailable` where this machine cannot hold it. */
export async function startLlama(options: LlamaOptions = {}): Promise<Llama> {
  const { apiKey, contextTokens = 16_384, parallel = 2 } = options;
  const { dir: chroot } = await ensureChroot(["llama.cpp", "python3-gguf"]);
  const model = await ensureModel(chroot);
  const port = await freePort();
  const settings = {
    model,
    alias: MODEL,
    host: "127.0.0.1",
    port,
    // The server divides the context among its slots.
    "ctx-size": contextTokens * parallel,
    parallel,
    threads: 1,
    "threads-batch": 1,
    "cache-ram": 0,
    // An end to an answer whose request names none.
    predict: 1024,
    ...(apiKey === undefined ? {} : { "api-key": apiKey }),
  };
  const argv = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = startInChroot(chroot, ["llama-server", "--jinja", "--no-ui", "--offline", ...argv]);
  try {
    await server.waitUntilHealthy(`http://127.0.0.1:${port}/health`);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}/v1`, model: MODEL, logs: () => server.logs(), stop: () => server.stop() };
}

/** Writes the model unless the chroot has the one of this very script; gives its path inside. */
async function ensureModel(chroot: string): Promise<string> {
  const script = path.join(import.meta.dirname, "tiny_gguf.py");
  const version = createHash("sha256")
    .update(await readFile(script))
    .digest("hex")
    .slice(0, 16);
  const folder = "/var/cache/openclaw-live";
  const model = `${folder}/${version}.gguf`;
  const isThere = await access(path.join(chroot, model)).then(
    () => true,
    () => false,
  );
  if (isThere) return model;

  await mkdir(path.join(chroot, folder), { recursive: true });
  const draft = `${folder}/${version}.${process.pid}`;
  await copyFile(script, path.join(chroot, `${draft}.py`));
  const [command = "", ...args] = inChroot(chroot, ["python3", `${draft}.py`, `${draft}.gguf`]);
  const { status, stderr } = spawnSync(command, args, { env: chrootEnvironment(), encoding: "utf8" });
  if (status !== 0) throw new Error(`the model cannot be written:\n${stderr}`);
  await rename(path.join(chroot, `${draft}.gguf`), path.join(chroot, model));
  return model;
}
