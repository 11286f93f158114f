/**
 * To-device messages are pulled by a masqueraded /sync: pushed ones are lost where a transaction is repeated
 * (element-hq/synapse#14710). What a pull brings, and where the next one begins, is committed together.
 */
import { randomUUID } from "node:crypto";
import { hasErrcode } from "../error.ts";
import { ensureIdentity, restoreDevice } from "./identity.ts";
import { callAsDevice, flushRequests } from "./requests.ts";
import { userIds } from "./wasm.ts";
import type { CryptoMember } from "./member.ts";

/**
 * Never the same twice: Synapse keeps an answer for two minutes and gives it again to who asks the very same question, as a
 * gateway does that begins at the last position committed. It would then miss the keys that came meanwhile.
 */
const freshFilter = (): string =>
  JSON.stringify({
    room: { rooms: [] },
    presence: { types: [] },
    account_data: { types: [] },
    "dev.openclaw.once": randomUUID(),
  });
/** As many to-device messages as Synapse gives at once: there may be more. */
const fullBatch = 100;
/** How long a position that brought nothing may stay uncommitted. */
const saveEveryMs = 60_000;

interface SyncAnswer {
  readonly next_batch: string;
  readonly to_device?: { readonly events?: readonly unknown[] };
  readonly device_lists?: { readonly changed?: readonly string[]; readonly left?: readonly string[] };
  readonly device_one_time_keys_count?: Record<string, number>;
  readonly device_unused_fallback_key_types?: readonly string[];
}

/** Pulls until nothing is left. Who asks while one is under way shares the next one, which sees all that was sent before. */
export function pull(member: CryptoMember): Promise<void> {
  const { pulling, mutex, troubles } = member;
  pulling.underWay ??= mutex.run("pull", async () => {
    pulling.underWay = undefined;
    try {
      await pullAll(member).catch(async (thrown: unknown) => {
        if (!hasErrcode(thrown, "M_UNKNOWN_DEVICE")) throw thrown;
        await restoreDevice(member);
        await pullAll(member);
      });
      pulling.at = performance.now();
      pulling.done = true;
      troubles.set("pull", undefined);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      if (!member.signal.aborted) troubles.set("pull", `its keys cannot be fetched: ${reason}`);
      throw thrown;
    }
  });
  return pulling.underWay;
}

async function pullAll(member: CryptoMember): Promise<void> {
  for (;;) {
    const { pulling } = member;
    const query = new URLSearchParams({
      timeout: "0",
      filter: freshFilter(),
      ...(pulling.since !== undefined && { since: pulling.since }),
    });
    const answer = JSON.parse(
      await callAsDevice(member, "GET", "/_matrix/client/v3/sync", undefined, query),
    ) as SyncAnswer;
    const events = answer.to_device?.events ?? [];
    await take(member, answer, events);
    if (events.length < fullBatch) return;
  }
}

/** Gives the machine what is new. It rewrites its whole account, so nothing new is not given. */
async function take(member: CryptoMember, answer: SyncAnswer, events: readonly unknown[]): Promise<void> {
  const { machine, pulling, troubles } = member;
  const { wasm } = machine;
  const changed = answer.device_lists?.changed ?? [];
  const left = answer.device_lists?.left ?? [];
  // Only what a /sync really said: an empty count would mean that there is no key at all.
  const counts = answer.device_one_time_keys_count ?? {};
  const oneTimeKeys = counts["signed_curve25519"] ?? 0;
  const before = pulling.oneTimeKeys;
  pulling.oneTimeKeys = oneTimeKeys;
  const isNew =
    events.length > 0 || changed.length > 0 || left.length > 0 || oneTimeKeys !== before || pulling.since === undefined;
  const save = async (sql: CryptoMember["sql"] | Parameters<Parameters<CryptoMember["sql"]["begin"]>[1]>[0]) => {
    await sql`
      update matrix_devices set sync_token = ${answer.next_batch}, one_time_keys = ${oneTimeKeys}, pulled_at = now()
      where user_id = ${member.user} and epoch = ${member.epoch}`;
    pulling.savedAt = performance.now();
  };
  if (isNew) {
    await machine.unit(
      (olm) =>
        olm.receiveSyncChanges(
          JSON.stringify(events),
          new wasm.DeviceLists(userIds(wasm, changed), userIds(wasm, left)),
          new Map(Object.entries(counts)),
          new Set(answer.device_unused_fallback_key_types ?? []),
          new wasm.DecryptionSettings(wasm.TrustRequirement.Untrusted),
        ),
      save,
    );
    pulling.since = answer.next_batch;
    pulling.brought ||= events.length > 0;
    pulling.ownKeysChanged ||= changed.includes(member.user);
    await flushRequests(member);
  } else {
    pulling.since = answer.next_batch;
    if (performance.now() - pulling.savedAt > saveEveryMs) await save(member.sql);
  }
  // What others see of the agent: its device was deleted, or its identity replaced.
  if (pulling.ownKeysChanged) await ensureIdentity(member);
  pulling.ownKeysChanged = false;
  // Once is the moment before fresh ones are uploaded.
  troubles.set(
    "keys",
    before === 0 && pulling.oneTimeKeys === 0
      ? "its one-time keys are used up and no fresh ones could be uploaded: nobody can begin to write to it"
      : undefined,
  );
}
