import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Agent, type Config, matrixUserId } from "../config/config.ts";
import { messageOf } from "../errors.ts";
import type { MatrixRooms } from "../ledger/matrix-rooms.ts";
import type { Log } from "../log.ts";
import { mayBeIn } from "./admit.ts";
import type { MatrixClient } from "./client.ts";
import { hasErrcode, MatrixError } from "./error.ts";
import { senderUser } from "./ids.ts";
import { noteEncryption } from "./membership.ts";

/** What the start needs. */
export interface StartMatrixDeps {
  readonly config: () => Config;
  readonly rooms: Pick<MatrixRooms, "set" | "of" | "markEncrypted" | "now">;
  readonly client: MatrixClient;
  readonly log: Log;
  /** Ends the work; `stopped` resolves soon after. */
  readonly signal: AbortSignal;
  /** Between two checks while all is well. Default 60 s. */
  readonly everyMs?: number;
  /** After the first failure; doubled with each further one up to `everyMs`. Default 1 s. */
  readonly backoffMs?: number;
}

/** Whether Matrix works, for /readyz. */
export interface MatrixStatus {
  readonly ok: boolean;
  /** What works, or what does not and how to mend it. */
  readonly reason: string;
}

/** The work under way in the background. */
export interface RunningMatrix {
  status(): MatrixStatus;
  /** Whether what we know of the agents' rooms was compared with the homeserver once. */
  settled(): boolean;
  readonly stopped: Promise<void>;
}

/**
 * Makes the homeserver and us agree, in the background: our token is right, the agents' users and devices exist, what we
 * know of their rooms is what the homeserver knows, and it reaches us. Call after listening: making a device triggers a
 * push, and a refused connection makes the homeserver wait with the next.
 */
export function startMatrix(deps: StartMatrixDeps): RunningMatrix {
  const { config, log, signal, everyMs = 60_000, backoffMs = 1_000 } = deps;
  let status: MatrixStatus = { ok: false, reason: "starting" };
  // By the config's own agent, so that a reload looks at all of them again.
  let settled = new WeakSet<Agent>();
  let settledFor = "";
  let once = false;

  const tell = (next: MatrixStatus): void => {
    if (next.ok !== status.ok || next.reason !== status.reason)
      log[next.ok ? "info" : "error"]({ reason: next.reason }, next.ok ? "matrix: ready" : "matrix: not ready");
    status = next;
  };

  const check = async (): Promise<void> => {
    const now = config();
    if (!now.matrix) {
      status = { ok: true, reason: "not configured" };
      return;
    }
    const whoami = await deps.client.whoami(undefined, signal);
    if (whoami !== senderUser(now)) return tell({ ok: false, reason: otherUser(whoami, now) });
    if (settledFor !== now.matrix.homeserver) settled = new WeakSet();
    settledFor = now.matrix.homeserver;
    for (const agent of now.agents.values()) {
      const user = matrixUserId(now, agent);
      if (user === undefined || settled.has(agent)) continue;
      await settleAgent(deps, now, agent, user);
      settled.add(agent);
    }
    once = true;
    await deps.client.ping(randomUUID(), signal);
    const late = now.matrix.previousAsToken !== undefined && !(await deps.client.takesToken(signal));
    tell({ ok: true, reason: late ? stillPrevious : "the homeserver knows us and reaches us" });
  };

  const run = async (): Promise<void> => {
    let wait = backoffMs;
    while (!signal.aborted) {
      try {
        await check();
        wait = status.ok ? everyMs : Math.min(wait * 2, everyMs);
      } catch (thrown) {
        if (signal.aborted) return;
        tell({ ok: false, reason: explain(thrown, config()) });
        wait = Math.min(wait * 2, everyMs);
      }
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  return { status: () => status, settled: () => once, stopped: run() };
}

/** The user, its device, and its rooms as the homeserver has them. */
async function settleAgent(deps: StartMatrixDeps, config: Config, agent: Agent, user: string): Promise<void> {
  const { client, rooms, log, signal } = deps;
  await client.register(agent.matrix?.localpart ?? "", signal);
  await client.ensureDevice(user, signal);

  // Taken before asking: a push that arrives meanwhile is newer than the answer.
  const at = await rooms.now();
  const joined = new Set(await client.joinedRooms(user, signal));
  const known = new Map((await rooms.of(user)).map((room) => [room.room, room]));
  for (const room of joined) {
    await rooms.set(user, room, "join", { at });
    const seat = known.get(room) ?? { direct: false, inviter: undefined };
    if (!mayBeIn(config, agent, room, seat))
      log.warn(
        { user, room },
        "matrix: the agent is in a room that the config does not allow; it answers nobody there",
      );
    if (known.get(room)?.encrypted !== true) await noteUnlessBroken(deps, user, room);
  }
  for (const { room, membership } of known.values())
    if (membership === "join" && !joined.has(room)) await rooms.set(user, room, "leave", { at });
}

/** A room whose state the homeserver will not show must not keep the others from being looked at. */
async function noteUnlessBroken(deps: StartMatrixDeps, user: string, room: string): Promise<void> {
  try {
    await noteEncryption(deps, user, room, deps.signal);
  } catch (thrown) {
    if (!(thrown instanceof MatrixError) || thrown.transient) throw thrown;
    deps.log.warn({ err: thrown, user, room }, "matrix: it cannot be known whether the room is encrypted");
  }
}

const stillPrevious =
  "the homeserver reaches us, but knows only matrix.previous_as_token: restart it, so that it reads the registration anew";

const otherUser = (user: string, config: Config): string =>
  `the token is of ${user}, the config says ${senderUser(config)}: matrix.as_token, sender_localpart or server_name is wrong`;

function explain(thrown: unknown, config: Config): string {
  const { homeserver = "" } = config.matrix ?? {};
  if (hasErrcode(thrown, "M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"))
    return `${homeserver} does not know matrix.as_token: is the registration in its app_service_config_files?`;
  if (hasErrcode(thrown, "M_CONNECTION_FAILED", "M_CONNECTION_TIMED_OUT", "M_URL_NOT_SET"))
    return "the homeserver cannot reach the registration's url: it must lead to listen.public";
  if (hasErrcode(thrown, "M_BAD_STATUS"))
    return "the homeserver reaches the registration's url but is refused there: is matrix.hs_token the registration's?";
  return `${homeserver}: ${messageOf(thrown)}`;
}
