/**
 * A server as a child process. Not the SDK's own transport: that one adds variables of the gateway's environment, and
 * ends the program but not what the program started.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadBuffer, serializeMessage } from "@modelcontextprotocol/sdk/shared/stdio.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { McpServer } from "../config/mcp.ts";
import { ClawError } from "../errors.ts";
import { messageLimit } from "./limits.ts";

/** Lines that are no messages: some programs greet. One that goes on is ended. */
const junkLimit = 200;
const termMs = 1_000;

/** How a program is started and listened to. */
export interface StdioOptions {
  readonly reach: Extract<McpServer["reach"], { kind: "stdio" }>;
  /** Told how much it wrote to stderr. What it wrote is not kept: it may be anything. */
  readonly onStderr: (bytes: number) => void;
}

/** Speaks lines of JSON with a program that leads a process group of its own and has nothing but the given environment. */
export class StdioTransport implements Transport {
  // Assigned by the SDK's client.
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #options: StdioOptions;
  readonly #buffer = new ReadBuffer({ maxBufferSize: messageLimit });
  #child: ChildProcessWithoutNullStreams | undefined;
  #ended: Promise<void> = Promise.resolve();
  #junk = 0;

  constructor(options: StdioOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { reach, onStderr } = this.#options;
    const [program, ...args] = reach.command;
    const home = await mkdtemp(join(tmpdir(), "openclaw-mcp-"));
    const env: Record<string, string> = { HOME: home };
    for (const [name, value] of reach.env) env[name] = typeof value === "string" ? value : value.reveal();
    const child = spawn(program, args, { env, cwd: reach.cwd ?? home, stdio: "pipe", detached: true });
    this.#child = child;
    const closed = Promise.withResolvers<void>();
    this.#ended = closed.promise;
    // What it started goes with it, and lets go of its streams.
    child.once("exit", (code, signal) => {
      this.onerror?.(new ClawError("environment", `the program ended (${signal ?? `exit code ${code}`})`));
      this.#signal("SIGKILL");
    });
    child.once("close", () => {
      this.#child = undefined;
      void rm(home, { recursive: true, force: true }).finally(closed.resolve);
      this.onclose?.();
    });
    child.stdin.on("error", (error) => this.onerror?.(error));
    child.stdout.on("data", (chunk: Buffer) => this.#read(chunk));
    child.stderr.on("data", (chunk: Buffer) => onStderr(chunk.length));
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause: NodeJS.ErrnoException) =>
        reject(new ClawError("environment", `${program} cannot be started (${cause.code ?? cause.name})`, { cause })),
      );
    });
  }

  #read(chunk: Buffer): void {
    try {
      this.#buffer.append(chunk);
    } catch {
      return this.#endBecause(`wrote a message of more than ${messageLimit} bytes`);
    }
    for (let more = true; more;) {
      try {
        const message = this.#buffer.readMessage();
        more = message !== null;
        if (message) this.onmessage?.(message);
      } catch {
        if (++this.#junk > junkLimit) return this.#endBecause("writes to stdout what are no messages");
      }
    }
  }

  #endBecause(what: string): void {
    this.#buffer.clear();
    this.#child?.stdout.removeAllListeners("data").resume();
    this.onerror?.(new ClawError("environment", `the program ${what}`));
    this.#signal("SIGKILL");
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (!stdin?.writable) return Promise.reject(new Error("the program has ended"));
    return new Promise((resolve, reject) =>
      stdin.write(serializeMessage(message), (error) => (error ? reject(error) : resolve())),
    );
  }

  /** Ends the program and all it started: asked by the end of its input, then by SIGTERM, then by SIGKILL. */
  async close(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    child.stdin.end();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (await within(this.#ended, termMs)) break;
      this.#signal(signal);
    }
    await within(this.#ended, termMs);
  }

  /** To its whole group. */
  #signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone.
    }
  }
}

/** Whether a promise settles in time. */
async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
