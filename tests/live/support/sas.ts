/** Verification of two people by comparing emojis, in a room they share. */
import { type CryptoApi, type VerificationRequest, VerificationPhase } from "matrix-js-sdk/lib/crypto-api/index.js";
import type { ShowSasCallbacks, Verifier } from "matrix-js-sdk/lib/crypto-api/index.js";
import { poll } from "./poll.ts";

/** One side of a verification. */
export interface Verification {
  readonly request: VerificationRequest;
  /** The seven emojis that both sides must see. */
  emojis(): Promise<string[]>;
  /** Says that they match; returns when the other side has said so too, rejects when it cancels. */
  confirm(): Promise<void>;
  /** Says that they do not match. */
  mismatch(): Promise<void>;
  cancel(): Promise<void>;
}

/** Who says that emojis are to be compared: by default the side that asked for the verification. */
export interface VerificationOptions {
  starts?: boolean;
}

/** Asks somebody to verify; returns when they have accepted. */
export async function askToVerify(
  crypto: CryptoApi,
  room: string,
  userId: string,
  { starts = true }: VerificationOptions = {},
): Promise<Verification> {
  const request = await crypto.requestVerificationDM(userId, room);
  await poll(`${userId} to accept the verification`, () => phaseOf(request) >= VerificationPhase.Ready || undefined);
  return verification(request, starts);
}

/** Waits until somebody asks to verify, and accepts. */
export async function acceptToVerify(
  crypto: CryptoApi,
  room: string,
  userId: string,
  { starts = false }: VerificationOptions = {},
): Promise<Verification> {
  const request = await poll(`${userId} to ask for a verification`, () =>
    crypto.findVerificationRequestDMInProgress(room, userId),
  );
  await request.accept();
  return verification(request, starts);
}

async function verification(request: VerificationRequest, starts: boolean): Promise<Verification> {
  const verifier: Verifier = starts
    ? await request.startVerification("m.sas.v1")
    : await poll("the other side to start the comparison", () => {
        phaseOf(request);
        return request.verifier;
      });
  const outcome = verifier.verify();
  // Who asks for the emojis or confirms hears of it.
  outcome.catch(() => {});
  const shown = (): Promise<ShowSasCallbacks> =>
    poll("the emojis", async () => {
      if (verifier.hasBeenCancelled) await outcome;
      return verifier.getShowSasCallbacks() ?? undefined;
    });

  // Rejects as the outcome does; the SDK itself would wait for ten minutes.
  const settled = async (what: string): Promise<void> => {
    let isOver = false;
    const over = (): boolean => (isOver = true);
    outcome.then(over, over);
    await poll(what, () => isOver || undefined);
    await outcome;
  };

  return {
    request,
    emojis: async () => ((await shown()).sas.emoji ?? []).map(([emoji]) => emoji),
    async confirm() {
      await (await shown()).confirm();
      await settled("the other side to confirm too");
    },
    async mismatch() {
      (await shown()).mismatch();
      await settled("the verification to end").catch(() => {});
    },
    cancel: () => request.cancel(),
  };
}

function phaseOf(request: VerificationRequest): VerificationPhase {
  const { phase, cancellationCode } = request;
  if (phase === VerificationPhase.Cancelled) throw new Error(`the verification was cancelled: ${cancellationCode}`);
  return phase;
}
