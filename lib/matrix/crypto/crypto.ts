/** End-to-end encryption of all agents, as the rest of the gateway sees it: of those this process holds, and of others. */
import { setTimeout as sleep } from "node:timers/promises";
import { matrixUserId } from "../../config/config.ts";
import { ClawError, messageOf } from "../../errors.ts";
import { type DeviceStatus, deviceStatuses } from "../../ledger/matrix-devices.ts";
import { userOfEncryptedLane } from "../../ledger/matrix-events.ts";
import { agentOf } from "../ids.ts";
import { attend, tellUnreadable } from "./attend.ts";
import { createDesk, type DeskDeps } from "./desk.ts";
import { type EncryptDeps, type EncryptedContent, encryptFor, type PlainMessage } from "./encrypt.ts";
import { type Holding, stallMs } from "./holding.ts";
import { Keeper, type KeeperDeps } from "./keeper.ts";
import type { ReadDeps } from "./read.ts";

/** What encryption is made of. */
export interface MatrixCryptoDeps
  extends Omit<KeeperDeps, "attend" | "isBusy">, EncryptDeps, Omit<ReadDeps, "verification" | "selftest">, DeskDeps {
  /** Sends what is open in a lane's outbox. */
  readonly deliver: (lane: string) => Promise<void>;
}

/** One agent's state, for /readyz and the metrics. */
export interface AgentHealth {
  readonly agent: string;
  readonly ok: boolean;
  readonly reason: string;
  readonly status: DeviceStatus | undefined;
}

/** The encryption of this process's agents, and the way to those of others. */
export interface MatrixCrypto {
  /** A content encrypted for the room as it is now. Throws ElsewhereError, NotReadyError, MatrixError. */
  encrypt(message: PlainMessage, signal?: AbortSignal): Promise<EncryptedContent>;
  /** Something to be decrypted was committed in this lane. */
  arrived(lane: string): void;
  /** The homeserver says that there may be something for these users' devices. */
  wake(users: readonly string[]): void;
  /** Asks whoever holds the agent to send what is open in the lane. */
  handOver(user: string, lane: string): Promise<void>;
  /** The agent left the room: its keys go where the config wants that. */
  forget(user: string, room: string): void;
  health(): Promise<readonly AgentHealth[]>;
  stop(): Promise<void>;
}

/** Encryption that is asked for before it is started: it then says that it is not ready. */
export function deferredCrypto(crypto: () => MatrixCrypto | undefined): Omit<MatrixCrypto, "stop"> {
  return {
    async encrypt(message, signal) {
      const now = crypto();
      if (!now) throw new NotReadyError(message.user, undefined);
      return now.encrypt(message, signal);
    },
    // What is committed is looked for at the start.
    arrived: (lane) => crypto()?.arrived(lane),
    wake: (users) => crypto()?.wake(users),
    handOver: async (user, lane) => crypto()?.handOver(user, lane),
    forget: (user, room) => crypto()?.forget(user, room),
    health: async () => (await crypto()?.health()) ?? [],
  };
}

/** Another process holds the agent. */
export class ElsewhereError extends ClawError {
  constructor(user: string) {
    super("channel_failed", `${user}: another gateway holds this agent's keys`);
    this.name = "ElsewhereError";
  }
}

/** The agent's keys are just being loaded. */
export class NotReadyError extends ClawError {
  constructor(user: string, trouble: string | undefined) {
    super("channel_failed", `${user}: it cannot encrypt yet${trouble === undefined ? "" : `: ${trouble}`}`);
    this.name = "NotReadyError";
  }
}

const notification = "openclaw_matrix";
const settleMs = 1_000;
const tellEveryMs = 5_000;

/** What one process tells the one that holds an agent; without a lane or room, that there is something to fetch or read. */
interface Summons {
  readonly user: string;
  /** To be delivered. */
  readonly lane?: string;
  /** A room whose keys are to be forgotten. */
  readonly forget?: string;
}

/** Begins to take agents at once, in the background. Call when listening: a new device makes the homeserver push. */
export async function startMatrixCrypto(deps: MatrixCryptoDeps): Promise<MatrixCrypto> {
  const { config, sql, log } = deps;
  const stopping = new AbortController();
  const desk = createDesk(deps);
  const readDeps: ReadDeps = { ...deps, verification: desk.verification, selftest: desk.selftest };
  const keeper = new Keeper({
    ...deps,
    isBusy: desk.isBusy,
    attend: async (member, pullFirst) => {
      await attend(readDeps, member, pullFirst);
      await desk.advance(member);
    },
  });
  const members = () => keeper.all().flatMap(({ member }) => member ?? []);
  const summon = async (summons: Summons): Promise<void> =>
    void (await sql.notify(notification, JSON.stringify(summons)));
  // What is lost is found by the keeper within a second, or by recovery.
  const quietly = (summons: Summons): void => void summon(summons).catch(() => {});

  const listening = await sql.listen(notification, (payload) => {
    const { user, lane, forget } = JSON.parse(payload) as Summons;
    const holding = keeper.get(user);
    if (!holding) return;
    if (forget !== undefined) void forgetHere(holding, forget);
    else if (lane !== undefined && holding.member) deliver(lane);
    else holding.wake(lane === undefined);
  });
  const looking = lookAfter();

  return {
    async encrypt(message, signal) {
      const holding = keeper.get(message.user);
      if (!holding) throw new ElsewhereError(message.user);
      const { member } = holding;
      if (!member) throw new NotReadyError(message.user, holding.trouble);
      try {
        return await encryptFor(deps, member, message, signal);
      } catch (thrown) {
        // Given up meanwhile, here or to another process: it is tried again there.
        if (member.signal.aborted || member.machine.broken !== undefined)
          throw new NotReadyError(message.user, messageOf(thrown));
        throw thrown;
      }
    },
    arrived(lane) {
      const user = userOfEncryptedLane(lane);
      const holding = keeper.get(user);
      if (holding) holding.wake(false);
      else quietly({ user });
    },
    wake(users) {
      for (const user of users) {
        const holding = keeper.get(user);
        if (holding) holding.wake(true);
        else quietly({ user });
      }
    },
    handOver: (user, lane) => summon({ user, lane }),
    forget(user, room) {
      if (agentOf(config(), user)?.matrix?.forget_keys !== true) return;
      const holding = keeper.get(user);
      if (holding) void forgetHere(holding, room);
      else quietly({ user, forget: room });
    },
    health,
    async stop() {
      stopping.abort();
      await listening.unlisten();
      await keeper.stop();
      await looking;
    },
  };

  /** Each beside the others: a homeserver that does not answer must not keep a dead process's agents from being taken. */
  async function lookAfter(): Promise<void> {
    await Promise.all([
      every(settleMs, () => keeper.settle()),
      every(settleMs, () => desk.tick(members())),
      every(tellEveryMs, async () => {
        for (const member of members()) await tellUnreadable(deps, member);
      }),
    ]);
  }

  async function every(ms: number, work: () => Promise<void>): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await work();
      } catch (err) {
        if (!stopping.signal.aborted)
          log.error({ err }, "matrix: looking after the agents' keys failed; it is tried again");
      }
      await sleep(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  }

  async function forgetHere(holding: Holding, room: string): Promise<void> {
    try {
      await holding.opened;
      if (!holding.member) return;
      await desk.forget(holding.member, room);
      // The machine still remembers them.
      await keeper.drop(holding);
    } catch (err) {
      log.error({ err, user: holding.user, room }, "matrix: the room's keys could not be forgotten");
    }
  }

  function deliver(lane: string): void {
    deps
      .deliver(lane)
      .catch((err: unknown) => log.error({ err, lane }, "matrix: a delivery failed; it is tried again"));
  }

  async function health(): Promise<readonly AgentHealth[]> {
    const agents = [...config().agents.values()].flatMap((agent) => {
      const user = matrixUserId(config(), agent);
      return user === undefined ? [] : [{ agent: agent.name, user }];
    });
    const statuses = await deviceStatuses(
      sql,
      agents.map(({ user }) => user),
    );
    return agents.map(({ agent, user }) => {
      const status = statuses.get(user);
      const holding = keeper.get(user);
      const trouble = holding ? holding.trouble : troubleElsewhere(status);
      const fine = holding ? `encrypted, device ${status?.deviceId ?? ""}` : "encrypted, held by another gateway";
      return { agent, ok: trouble === undefined, reason: trouble ?? fine, status };
    });
  }
}

/** Of an agent that another process holds, by what that one has committed. */
function troubleElsewhere(status: DeviceStatus | undefined): string | undefined {
  if (!status) return "no gateway has taken it yet";
  if (status.trouble !== undefined) return status.trouble;
  const ago = status.pulledSecondsAgo;
  return ago === undefined || ago * 1000 > stallMs ? "no gateway holds it" : undefined;
}
