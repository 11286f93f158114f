/**
 * End-to-end encryption of all agents. Each is held by one process at a time (a session lock, and an epoch that fences its
 * writes); the processes of one database share the agents out and take over from one that died.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { matrixUserId } from "../../config/config.ts";
import { ClawError, messageOf } from "../../errors.ts";
import { type DeviceStatus, deviceStatuses, isHolder } from "../../ledger/matrix-devices.ts";
import { userOfEncryptedLane } from "../../ledger/matrix-events.ts";
import type { Locks } from "../../queue/locks.ts";
import { agentOf } from "../ids.ts";
import { attend, tellUnreadable } from "./attend.ts";
import { createDesk, type DeskDeps } from "./desk.ts";
import { type EncryptDeps, type EncryptedContent, encryptFor, type PlainMessage } from "./encrypt.ts";
import type { CryptoMember } from "./member.ts";
import { type OpenDeps, openMember } from "./open.ts";
import type { ReadDeps } from "./read.ts";
import type { RoomSettings } from "./share.ts";

/** What encryption is made of. */
export interface MatrixCryptoDeps extends OpenDeps, EncryptDeps, Omit<ReadDeps, "verification" | "selftest">, DeskDeps {
  readonly locks: Pick<Locks, "tryAgent" | "releaseAgent" | "keepers">;
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
  encrypt(message: PlainMessage, room: RoomSettings, signal?: AbortSignal): Promise<EncryptedContent>;
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
    async encrypt(message, room, signal) {
      const now = crypto();
      if (!now) throw new NotReadyError(message.user, undefined);
      return now.encrypt(message, room, signal);
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

interface Holding {
  readonly user: string;
  readonly controller: AbortController;
  /** The lock's: aborted with its connection. */
  readonly lock: AbortSignal;
  member: CryptoMember | undefined;
  trouble: string | undefined;
  attending: boolean;
  again: { pull: boolean } | undefined;
  /** No new try before this, by performance.now(). */
  notBefore: number;
  backoffMs: number;
  readonly opened: Promise<void>;
}

const notification = "openclaw_matrix";
const settleMs = 1_000;
const pullEveryMs = 60_000;
const tellEveryMs = 5_000;
const stallMs = 180_000;
const firstBackoffMs = 500;
const lastBackoffMs = 30_000;

/** Begins to take agents at once, in the background. Call when listening: a new device makes the homeserver push. */
export async function startMatrixCrypto(deps: MatrixCryptoDeps): Promise<MatrixCrypto> {
  const { config, sql, locks, log } = deps;
  const held = new Map<string, Holding>();
  const stopping = new AbortController();
  const memberOf = (user: string): CryptoMember | undefined => held.get(user)?.member;
  const desk = createDesk(deps);
  const readDeps: ReadDeps = { ...deps, verification: desk.verification, selftest: desk.selftest };

  const listening = await sql.listen(notification, (payload) => {
    const { user, lane, forget } = JSON.parse(payload) as { user: string; lane?: string; forget?: string };
    const holding = held.get(user);
    if (forget !== undefined) void (holding && forgetHere(holding, forget));
    else if (lane !== undefined && memberOf(user)) deliver(lane);
    else wakeOne(user, lane === undefined);
  });
  const settling = (async () => {
    let toldAt = 0;
    while (!stopping.signal.aborted) {
      try {
        await settle();
        if (performance.now() - toldAt > tellEveryMs) {
          toldAt = performance.now();
          for (const { member } of held.values()) if (member) await tellUnreadable(deps, member);
        }
        await desk.tick([...held.values()].flatMap(({ member }) => member ?? []));
      } catch (err) {
        if (!stopping.signal.aborted)
          log.error({ err }, "matrix: looking after the agents' keys failed; it is tried again");
      }
      await sleep(settleMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  })();

  return {
    async encrypt(message, room, signal) {
      const holding = held.get(message.user);
      if (!holding) throw new ElsewhereError(message.user);
      if (!holding.member) throw new NotReadyError(message.user, holding.trouble);
      const { member } = holding;
      try {
        return await encryptFor(deps, member, message, room, signal);
      } catch (thrown) {
        // Given up meanwhile, here or to another process: it is tried again there.
        if (member.signal.aborted || member.machine.broken !== undefined)
          throw new NotReadyError(message.user, messageOf(thrown));
        throw thrown;
      }
    },
    arrived(lane) {
      const user = userOfEncryptedLane(lane);
      if (held.has(user)) wakeOne(user, false);
      else void sql.notify(notification, JSON.stringify({ user })).catch(() => {});
    },
    wake(users) {
      for (const user of users)
        if (held.has(user)) wakeOne(user, true);
        else void sql.notify(notification, JSON.stringify({ user })).catch(() => {});
    },
    async handOver(user, lane) {
      await sql.notify(notification, JSON.stringify({ user, lane }));
    },
    forget(user, room) {
      if (agentOf(config(), user)?.matrix?.forget_keys !== true) return;
      const holding = held.get(user);
      if (holding) void forgetHere(holding, room);
      else void sql.notify(notification, JSON.stringify({ user, forget: room })).catch(() => {});
    },
    health,
    async stop() {
      stopping.abort();
      await settling;
      await listening.unlisten();
      await Promise.all([...held.values()].map((holding) => drop(holding)));
    },
  };

  async function forgetHere(holding: Holding, room: string): Promise<void> {
    const { user, opened } = holding;
    try {
      await opened;
      if (!holding.member) return;
      await desk.forget(holding.member, room);
      // The machine still remembers them.
      await drop(holding);
    } catch (err) {
      log.error({ err, user, room }, "matrix: the room's keys could not be forgotten");
    }
  }

  function deliver(lane: string): void {
    deps
      .deliver(lane)
      .catch((err: unknown) => log.error({ err, lane }, "matrix: a delivery failed; it is tried again"));
  }

  /** Takes what is free, up to a fair share, and gives back what is too much, gone from the config, or broken. */
  async function settle(): Promise<void> {
    const agents = [...config().agents.values()].flatMap((agent) => {
      const user = matrixUserId(config(), agent);
      return user !== undefined && agent.matrix ? [{ agent: agent.name, user, localpart: agent.matrix.localpart }] : [];
    });
    if (agents.length === 0 && held.size === 0) return;
    const share = Math.ceil(agents.length / (await locks.keepers()));
    for (const holding of held.values()) {
      const { member, user } = holding;
      const isOurs = agents.some((agent) => agent.user === user);
      const broken = member && (member.machine.broken !== undefined || !(await isHolder(sql, user, member.epoch)));
      if (!isOurs || broken || holding.lock.aborted) await drop(holding);
    }
    const spare = [...held.values()].slice(share);
    for (const holding of spare) await drop(holding);
    for (const agent of agents) {
      if (stopping.signal.aborted || held.size >= share) break;
      if (held.has(agent.user)) continue;
      const lock = await locks.tryAgent(agent.user);
      if (lock) held.set(agent.user, hold(agent, lock));
    }
    for (const holding of held.values()) {
      const { member, again, notBefore } = holding;
      if (!member || performance.now() < notBefore) continue;
      const due = performance.now() - member.pulling.at > pullEveryMs;
      if (due || again || member.pulling.brought || desk.isBusy(member))
        wakeOne(holding.user, due || again?.pull === true || desk.isBusy(member));
    }
  }

  function hold(agent: { agent: string; user: string; localpart: string }, lock: AbortSignal): Holding {
    const controller = new AbortController();
    const signal = AbortSignal.any([controller.signal, lock, stopping.signal]);
    const holding: Holding = {
      user: agent.user,
      controller,
      lock,
      member: undefined,
      trouble: "its keys are being loaded",
      attending: false,
      again: undefined,
      notBefore: 0,
      backoffMs: firstBackoffMs,
      opened: Promise.resolve(),
    };
    const open = async (): Promise<void> => {
      for (let wait = firstBackoffMs; !signal.aborted; wait = Math.min(wait * 2, lastBackoffMs)) {
        try {
          holding.member = await openMember(deps, agent, signal);
          holding.trouble = undefined;
          log.info(
            { user: agent.user, device: holding.member.machine.deviceId, epoch: holding.member.epoch },
            "matrix: agent held",
          );
          wakeOne(agent.user, true);
          return;
        } catch (err) {
          if (signal.aborted) return;
          holding.trouble = messageOf(err);
          log.error({ err, user: agent.user }, "matrix: the agent's keys could not be loaded; it is tried again");
          await sleep(wait, undefined, { signal, ref: false }).catch(() => {});
        }
      }
    };
    return Object.assign(holding, { opened: open() });
  }

  async function drop(holding: Holding): Promise<void> {
    if (held.get(holding.user) === holding) held.delete(holding.user);
    holding.controller.abort();
    await holding.opened;
    await holding.member?.machine.close();
    await locks.releaseAgent(holding.user, holding.lock).catch(() => {});
  }

  /** Attends to the agent's mail, now or after what is under way. */
  function wakeOne(user: string, pullFirst: boolean): void {
    const holding = held.get(user);
    if (!holding) return;
    holding.again = { pull: pullFirst || holding.again?.pull === true };
    if (!holding.attending && holding.member) void attendTo(holding, holding.member);
  }

  async function attendTo(holding: Holding, member: CryptoMember): Promise<void> {
    holding.attending = true;
    try {
      while (holding.again && !member.signal.aborted) {
        const { pull } = holding.again;
        holding.again = undefined;
        await attend(readDeps, member, pull);
        await desk.advance(member);
      }
      holding.backoffMs = firstBackoffMs;
    } catch (err) {
      if (member.signal.aborted) return;
      holding.again ??= { pull: true };
      holding.notBefore = performance.now() + holding.backoffMs;
      holding.backoffMs = Math.min(holding.backoffMs * 2, lastBackoffMs);
      log.warn(
        { err, user: holding.user },
        "matrix: encrypted messages could not be fetched or read; it is tried again",
      );
    } finally {
      holding.attending = false;
    }
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
      const holding = held.get(user);
      const reason = holding ? troubleHere(holding) : troubleElsewhere(status);
      const fine = holding
        ? `encrypted, device ${holding.member?.machine.deviceId ?? ""}`
        : `encrypted, held by another gateway`;
      return { agent, ok: reason === undefined, reason: reason ?? fine, status };
    });
  }

  function troubleHere({ member, trouble, lock }: Holding): string | undefined {
    if (lock.aborted) return "its lock is lost with the connection to the database";
    if (!member) return trouble ?? "its keys are being loaded";
    if (member.troubles.first !== undefined) return member.troubles.first;
    const ago = performance.now() - member.pulling.at;
    return ago > stallMs ? `its keys were last fetched ${Math.round(ago / 1000)} s ago` : undefined;
  }

  function troubleElsewhere(status: DeviceStatus | undefined): string | undefined {
    if (!status) return "no gateway has taken it yet";
    if (status.trouble !== undefined) return status.trouble;
    const ago = status.pulledSecondsAgo;
    return ago === undefined || ago * 1000 > stallMs ? "no gateway holds it" : undefined;
  }
}
