/**
 * The connection to one server, made on demand. A server that ends or does not come up is left alone for a while, longer
 * each time, and what it does never reaches further than the call it fails.
 */
import type { McpServer } from "../config/mcp.ts";
import { ClawError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Session } from "./client.ts";
import { ServerRefusal, SessionLost, ToolChanged } from "./failures.ts";
import type { McpResult } from "./result.ts";
import { type Shape, shapeHash } from "./shape.ts";

/** A tool as it was pinned. */
export interface PinnedTool {
  /** As the server knows it. */
  readonly remote: string;
  readonly hash: string;
  readonly effect: "idempotent" | "keyed" | "unsafe";
}

export interface ConnectionOptions {
  readonly server: Pick<McpServer, "name" | "reach">;
  readonly log: Log;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** The longest a server may take to come up, in milliseconds; left out, a minute. */
  readonly connectMs?: number;
}

const usualConnectMs = 60_000;
const firstBackoffMs = 1_000;
const lastBackoffMs = 60_000;
/** A server may change its tools without a word. */
const shapesMs = 60_000;
const pingMs = 5_000;
const stderrLogMs = 10_000;

/** One server, for as long as the config reaches it this way. */
export class Connection {
  readonly #options: ConnectionOptions;
  #session: Session | undefined;
  #connecting: Promise<Session> | undefined;
  #shapes: { readonly at: number; readonly byName: ReadonlyMap<string, Shape> } | undefined;
  #failures = 0;
  #notBefore = 0;
  /** Counts what the server said of its tools having changed. */
  #changes = 0;
  #probing = false;
  /** Servers that are being ended. */
  #closing: Promise<unknown> = Promise.resolve();
  #stderr = { bytes: 0, loggedAt: -Infinity };
  readonly #stopping = new AbortController();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** All tools the server has, connecting first where it has to. */
  async shapes(signal: AbortSignal): Promise<ReadonlyMap<string, Shape>> {
    return this.#current(await this.#connected(), signal);
  }

  /**
   * Calls a tool that is what was pinned. Throws ToolChanged where it is not, and a ClawError for the model where the server
   * refuses or cannot be reached.
   */
  async call(
    tool: PinnedTool,
    input: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    again = true,
  ): Promise<McpResult> {
    const session = await this.#connected();
    let called = false;
    try {
      const shape = (await this.#current(session, signal)).get(tool.remote);
      if (!shape || shapeHash(shape) !== tool.hash) throw this.#changed(tool, shape);
      called = true;
      const result = await session.callTool(tool.remote, input, signal);
      this.#failures = 0;
      return result;
    } catch (thrown) {
      if (thrown instanceof ToolChanged || thrown instanceof ServerRefusal) throw thrown;
      if (signal.aborted) {
        void this.#probe(session);
        throw thrown;
      }
      this.#lose(session, thrown, !(thrown instanceof SessionLost));
      if (thrown instanceof SessionLost && again) return this.call(tool, input, signal, false);
      throw this.#broken(called && tool.effect !== "idempotent", thrown);
    }
  }

  /** Ends the server and whatever waits for it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const session = this.#session ?? (await this.#connecting?.catch(() => undefined));
    this.#session = undefined;
    await session?.close();
    await this.#closing;
  }

  async #connected(): Promise<Session> {
    if (this.#session) return this.#session;
    if (this.#stopping.signal.aborted) throw this.#down("is being stopped");
    const waitMs = this.#notBefore - this.#options.clock();
    if (!this.#connecting && waitMs > 0)
      throw this.#down(`failed and is tried again in ${Math.ceil(waitMs / 1000)} s at the earliest`);
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async #connect(): Promise<Session> {
    const { server, log, connectMs = usualConnectMs } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), connectMs);
    let session: Session | undefined;
    try {
      const { openSession } = await import("./client.ts");
      const signal = AbortSignal.any([late.signal, this.#stopping.signal]);
      session = await openSession(
        server,
        {
          onClose: (why) => session && this.#lose(session, why, true),
          onToolsChanged: () => this.#forgetShapes(),
          onStderr: (bytes) => this.#heard(bytes),
        },
        signal,
      );
      this.#forgetShapes();
      this.#session = session;
      log.info({ server: server.name }, "connected to an MCP server");
      return session;
    } catch (thrown) {
      if (this.#stopping.signal.aborted) throw this.#down("is being stopped");
      this.#failed(thrown);
      throw this.#down("does not come up", thrown);
    } finally {
      clearTimeout(timer);
    }
  }

  async #current(session: Session, signal: AbortSignal): Promise<ReadonlyMap<string, Shape>> {
    const now = this.#options.clock();
    if (this.#shapes && now - this.#shapes.at < shapesMs) return this.#shapes.byName;
    const changes = this.#changes;
    const byName = new Map((await session.listTools(signal)).map((shape) => [shape.name, shape]));
    if (changes === this.#changes) this.#shapes = { at: now, byName };
    return byName;
  }

  #forgetShapes(): void {
    this.#changes++;
    this.#shapes = undefined;
  }

  /** After a call that took too long: a server that is stuck is ended, so that the next call gets a new one. */
  async #probe(session: Session): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    try {
      await session.ping(pingMs);
    } catch (thrown) {
      this.#lose(session, thrown, true);
    } finally {
      this.#probing = false;
    }
  }

  /** The session is of no use any more. Told once of each. */
  #lose(session: Session, cause: unknown, failed: boolean): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    if (failed) this.#failed(cause);
    this.#closing = Promise.allSettled([this.#closing, session.close()]);
  }

  #failed(err: unknown): void {
    const { server, log, clock } = this.#options;
    const retryMs = Math.min(firstBackoffMs * 2 ** this.#failures++, lastBackoffMs);
    this.#notBefore = clock() + retryMs;
    log.warn({ err, server: server.name, retryMs }, "an MCP server failed");
  }

  #heard(bytes: number): void {
    const { server, log, clock } = this.#options;
    this.#stderr.bytes += bytes;
    if (clock() - this.#stderr.loggedAt < stderrLogMs) return;
    log.debug({ server: server.name, bytes: this.#stderr.bytes }, "an MCP server wrote to stderr");
    this.#stderr = { bytes: 0, loggedAt: clock() };
  }

  #down(what: string, cause?: unknown): ClawError {
    const { name } = this.#options.server;
    return new ClawError("environment", `The MCP server "${name}" ${what}; nothing was done.`, { cause });
  }

  #broken(uncertain: boolean, cause: unknown): ClawError {
    if (!uncertain) return this.#down("broke off", cause);
    const { name } = this.#options.server;
    const told = `The MCP server "${name}" broke off. It is not known whether it happened. Do not repeat it; ask the person to check.`;
    return new ClawError("outcome_unknown", told, { cause });
  }

  #changed({ remote }: PinnedTool, shape: Shape | undefined): ToolChanged {
    const { name } = this.#options.server;
    const what = shape ? "is not what was pinned any more" : "is gone";
    return new ToolChanged(
      "config_invalid",
      `"${remote}" of the MCP server "${name}" ${what}; nothing was done. The operator has to look at it: claw mcp pin ${name}`,
    );
  }
}
