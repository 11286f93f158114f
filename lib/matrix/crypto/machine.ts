/**
 * One agent's Olm machine over its store in Postgres. A call of the machine spans several IndexedDB transactions, and a
 * crash between two of them loses keys for good (docs/decisions): so whatever a piece of work changes is committed in one
 * SQL transaction, with what follows from it, before anything of it leaves the process.
 */
import { randomUUID } from "node:crypto";
import type { OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { Sql, TransactionSql } from "postgres";
import { checkpoint } from "../../checkpoint.ts";
import { ClawError } from "../../errors.ts";
import { commitStore, type Fence, loadStore, type StoreSchema } from "../../ledger/matrix-store.ts";
import type { Recorder } from "./indexed-db.ts";
import { loadWasm, type Wasm } from "./wasm.ts";

/** What a machine is opened with. */
export interface MachineOptions {
  readonly sql: Sql;
  readonly user: string;
  readonly deviceId: string;
  /** Which holder of the agent this process is. */
  readonly epoch: number;
  /** 32 bytes that encrypt the store's values. */
  readonly storeKey: Uint8Array;
}

/** The machine of an agent that this process holds. */
export class AgentMachine {
  static #opening: Promise<unknown> = Promise.resolve();
  readonly wasm: typeof Wasm;
  readonly deviceId: string;
  readonly #sql: Sql;
  readonly #fence: Fence;
  readonly #machine: OlmMachine;
  readonly #recorder: Recorder;
  #last: Promise<unknown> = Promise.resolve();
  #broken: Error | undefined;
  #schema: StoreSchema | undefined;

  private constructor(wasm: typeof Wasm, options: MachineOptions, machine: OlmMachine, recorder: Recorder) {
    this.wasm = wasm;
    this.deviceId = options.deviceId;
    this.#sql = options.sql;
    this.#fence = { user: options.user, epoch: options.epoch };
    this.#machine = machine;
    this.#recorder = recorder;
    this.#schema = recorder.schema();
  }

  /**
   * Loads the store, or begins a new one: one after the other, as the heap grows by what lies about while they are loaded.
   * Throws FencedError where another process has taken the agent meanwhile.
   */
  static open(options: MachineOptions): Promise<AgentMachine> {
    const opened = AgentMachine.#opening.then(() => AgentMachine.#open(options));
    AgentMachine.#opening = opened.catch(() => {});
    return opened;
  }

  static async #open(options: MachineOptions): Promise<AgentMachine> {
    const wasm = await loadWasm();
    const { Recorder } = await import("./indexed-db.ts");
    // A name of its own: what an earlier machine of this process may still write must not be noted here.
    const recorder = new Recorder(`${options.user}#${randomUUID()}`);
    try {
      const content = await loadStore(options.sql, options.user);
      if (content) await recorder.restore(content);
      const handle = await wasm.StoreHandle.openWithKey(recorder.name, options.storeKey);
      const user = new wasm.UserId(options.user);
      const machine = await wasm.OlmMachine.initFromStore(user, new wasm.DeviceId(options.deviceId), handle);
      const opened = new AgentMachine(wasm, options, machine, recorder);
      await opened.unit(async () => undefined);
      return opened;
    } catch (cause) {
      recorder.close();
      if (cause instanceof ClawError) throw cause;
      throw new ClawError(
        "environment",
        `${options.user}: its crypto store cannot be opened; is OPENCLAW_KEY the one it was made with?`,
        { cause },
      );
    }
  }

  /**
   * Does a piece of work with the machine, alone, and commits what it changed together with `also`, which is given the
   * result. Rejects with what the work threw, after what it changed until then is committed. Where the commit fails the
   * machine knows more than the database: it is of no use any more, and every further call rejects.
   */
  unit<Result>(
    work: (machine: OlmMachine) => Promise<Result>,
    also?: (tx: TransactionSql, result: Result) => Promise<unknown>,
  ): Promise<Result> {
    const done = this.#last.then(() => this.#unit(work, also));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Why the machine is of no use any more; undefined while it is. */
  get broken(): Error | undefined {
    return this.#broken;
  }

  /** Keys of a store that begin with a prefix; call inside a unit. */
  get recorder(): Recorder {
    return this.#recorder;
  }

  /** Waits for what is under way and frees the machine. */
  async close(): Promise<void> {
    this.#broken ??= new ClawError("cancelled", `${this.#fence.user}: its machine was closed`);
    await this.#last;
    this.#machine.close();
    this.#recorder.close();
  }

  async #unit<Result>(
    work: (machine: OlmMachine) => Promise<Result>,
    also?: (tx: TransactionSql, result: Result) => Promise<unknown>,
  ): Promise<Result> {
    if (this.#broken !== undefined) throw this.#broken;
    let result: { readonly value: Result } | undefined;
    let failure: unknown;
    try {
      result = { value: await work(this.#machine) };
    } catch (thrown) {
      failure = thrown;
    }
    checkpoint("crypto.worked");
    try {
      await this.#commit(result, also);
    } catch (thrown) {
      this.#broken = thrown instanceof Error ? thrown : new Error("the commit failed", { cause: thrown });
      throw thrown;
    }
    checkpoint("crypto.committed");
    if (!result) throw failure;
    return result.value;
  }

  async #commit<Result>(
    result: { readonly value: Result } | undefined,
    also?: (tx: TransactionSql, result: Result) => Promise<unknown>,
  ): Promise<void> {
    const changes = this.#recorder.take();
    const schema = this.#schema;
    if (result && also)
      await this.#sql.begin(async (tx) => {
        // Sent together, done in this order. Both are waited for: after a rollback nothing must be under way.
        const done = [commitStore(tx, this.#fence, changes, schema), also(tx, result.value)];
        await Promise.allSettled(done);
        await Promise.all(done);
      });
    else if (schema) await this.#sql.begin((tx) => commitStore(tx, this.#fence, changes, schema));
    else if (changes.puts.length > 0 || changes.deletes.length > 0) await commitStore(this.#sql, this.#fence, changes);
    this.#schema = undefined;
  }
}
