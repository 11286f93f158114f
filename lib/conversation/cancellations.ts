/** Stopping a run from anywhere: the wish is written to its row, and every gateway is told. */
import type { Lane } from "../channel/types.ts";
import type { Sql } from "../db/client.ts";
import { ClawError } from "../errors.ts";

const notification = "openclaw_cancel";

/** Runs under way in this process, and the way to stop one that may be in another. */
export class Cancellations {
  readonly #sql: Sql;
  readonly #running = new Map<string, AbortController>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Hears of wishes made in other processes, until `unlisten`. */
  async listen(): Promise<{ unlisten(): Promise<void> }> {
    return this.#sql.listen(notification, (runId) => this.#abort(runId));
  }

  /** Makes a run stoppable while `work` goes on. */
  async during<Value>(runId: string, controller: AbortController, work: () => Promise<Value>): Promise<Value> {
    this.#running.set(runId, controller);
    try {
      return await work();
    } finally {
      this.#running.delete(runId);
    }
  }

  /** Asks the lane's runs to stop; a run found later by recovery sees the wish in its row. Returns how many there are. */
  async stopLane(lane: Lane): Promise<number> {
    const rows = await this.#sql<{ id: string }[]>`
      update runs set cancel_requested_at = coalesce(cancel_requested_at, now())
      where lane = ${lane} and state in ('running', 'waiting') returning id`;
    for (const { id } of rows) {
      if (this.#running.has(id)) this.#abort(id);
      else await this.#sql.notify(notification, id);
    }
    return rows.length;
  }

  #abort(runId: string): void {
    this.#running
      .get(runId)
      ?.abort(new ClawError("cancelled", `run ${runId} was stopped by a person`, { say: "Stopped." }));
  }
}
