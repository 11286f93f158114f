/** One verification by emoji between a person and another user, in a room. */
import {
  type OutgoingRequest,
  type OutgoingVerificationRequest,
  Sas,
  type VerificationRequest,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { patienceMs, until } from "./until.ts";

/** How a verification moves on. */
export interface VerificationDeps {
  /** Takes what the other side has sent and sends what the machine answers. */
  readonly sync: () => Promise<void>;
  /** Sends one of the machine's requests. */
  readonly send: (request: OutgoingRequest) => Promise<void>;
  /** Runs alone with the machine. */
  readonly alone: <Value>(work: () => Promise<Value>) => Promise<Value>;
  /** Whether this side sends the start once both are ready; the other may do so as well. */
  readonly starts: boolean;
}

/** A verification that runs; every method throws where either side has cancelled it. */
export class PersonVerification {
  readonly #request: VerificationRequest;
  readonly #deps: VerificationDeps;
  #sas: Sas | undefined;
  #accepted = false;

  constructor(request: VerificationRequest, deps: VerificationDeps) {
    this.#request = request;
    this.#deps = deps;
  }

  /** The event id of the request. */
  get flowId(): string {
    return this.#request.flowId;
  }

  /** Why it was cancelled: the code, such as m.user; undefined: it was not. */
  get cancelled(): string | undefined {
    return (this.#request.cancelInfo ?? this.#sas?.cancelInfo())?.cancelCode();
  }

  get done(): boolean {
    return (this.#sas?.isDone() ?? false) && this.#request.isDone();
  }

  /** The seven emoji, once both sides know them: those of the other side must be the same. */
  async emoji(timeoutMs = patienceMs): Promise<string[]> {
    await this.#reach(() => this.#sas?.canBePresented() ?? false, "emoji", timeoutMs);
    return (this.#sas?.emoji() ?? []).map(({ symbol }) => symbol);
  }

  /** The three numbers that stand for the same. */
  async decimals(timeoutMs = patienceMs): Promise<number[]> {
    await this.#reach(() => this.#sas?.canBePresented() ?? false, "numbers", timeoutMs);
    return [...(this.#sas?.decimals() ?? [])];
  }

  /** Says that the emoji are the same; resolves when the other side has said so too. */
  async confirm(timeoutMs = patienceMs): Promise<void> {
    await this.emoji(timeoutMs);
    await this.#deps.alone(async () => {
      for (const request of (await this.#sas?.confirm()) ?? []) await this.#deps.send(request);
    });
    await this.#reach(() => this.done, "the other side's confirmation", timeoutMs);
  }

  /** Ends it; after `emoji` it tells the other side that they differ. */
  async cancel(): Promise<void> {
    await this.#deps.alone(async () => {
      await this.#say(this.#sas ? this.#sas.cancelWithCode("m.mismatched_sas") : this.#request.cancel());
    });
  }

  async #reach(reached: () => boolean, what: string, timeoutMs: number): Promise<void> {
    const ask = async (): Promise<boolean> => {
      await this.#deps.sync();
      await this.#deps.alone(() => this.#advance());
      if (this.cancelled !== undefined) throw new Error(`the verification was cancelled: ${this.cancelled}`);
      return reached();
    };
    await until(ask, Boolean, timeoutMs).catch((thrown: unknown) => {
      throw new Error(`${what} of the verification ${this.flowId} cannot be had`, { cause: thrown });
    });
  }

  async #advance(): Promise<void> {
    const found = this.#request.getVerification();
    if (found instanceof Sas) this.#sas = found;
    if (!this.#sas && this.#deps.starts && this.#request.isReady()) {
      const [sas, start] = (await this.#request.startSas()) ?? [];
      this.#sas = sas;
      await this.#say(start);
    }
    if (!this.#sas || this.#sas.weStarted() || this.#accepted) return;
    this.#accepted = true;
    await this.#say(this.#sas.accept());
  }

  async #say(request: OutgoingVerificationRequest | undefined): Promise<void> {
    if (request) await this.#deps.send(request);
  }
}
