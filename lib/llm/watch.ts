import type { Backend } from "../config/config.ts";
import { AttemptFailure } from "./failure.ts";

/** Watches one attempt: its signal fires when the caller cancels, when the stream stalls or when time is up. */
export class Watch {
  readonly #abort = new AbortController();
  readonly #outer: AbortSignal;
  readonly #cancel: () => void;
  readonly #stall: NodeJS.Timeout;
  readonly #total: NodeJS.Timeout;
  readonly began = performance.now();
  #failure: AttemptFailure | undefined;
  #answering = false;

  /** `remainingMs` is what is left of the backend's `timeout_seconds`. */
  constructor(backend: Backend, outer: AbortSignal, remainingMs: number) {
    this.#outer = outer;
    this.#cancel = () => this.#abort.abort();
    outer.addEventListener("abort", this.#cancel, { once: true });
    this.#stall = setTimeout(() => this.#fail("stalled"), backend.stall_seconds * 1000);
    this.#total = setTimeout(() => this.#fail("timeout"), remainingMs);
  }

  /** For the request: aborts it for any of the reasons. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Why the attempt was aborted, unless the caller did it. */
  get failure(): AttemptFailure | undefined {
    return this.#failure;
  }

  /** Whether anything of an answer has arrived. */
  get answering(): boolean {
    return this.#answering;
  }

  /** Something arrived: the stall counts from now. */
  touch(): void {
    this.#answering = true;
    this.#stall.refresh();
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    clearTimeout(this.#stall);
    clearTimeout(this.#total);
    this.#outer.removeEventListener("abort", this.#cancel);
  }

  #fail(kind: "stalled" | "timeout"): void {
    this.#failure ??= new AttemptFailure({ kind });
    this.#abort.abort();
  }
}
