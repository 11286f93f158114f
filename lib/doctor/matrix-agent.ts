/** Each agent on Matrix: its user, its keys as others see them, and its rooms. */
import { type Agent, matrixUserId } from "../config/config.ts";
import { deviceStatuses } from "../ledger/matrix-devices.ts";
import { createMatrixRooms } from "../ledger/matrix-rooms.ts";
import type { MatrixClient } from "../matrix/client.ts";
import { queryOwnKeys } from "../matrix/crypto/own-keys.ts";
import { MatrixError } from "../matrix/error.ts";
import { age, type Check, counted, fail, type Finding, NotSeen, ok, type Shared, shared, warn } from "./check.ts";
import type { Ground } from "./ground.ts";

export function agentChecks(ground: Ground, client: MatrixClient, known: Shared<string>): Check[] {
  const { config } = ground;
  return [...config.agents.values()].flatMap((agent): Check[] => {
    const user = matrixUserId(config, agent);
    if (user === undefined) return [];
    const name = `matrix.${agent.name}`;
    const there = shared("its user is not there", async (signal) => {
      await known.lean(signal);
      return client.whoami(user, signal);
    });
    return [
      { name: `${name}.user`, look: (signal) => lookAtUser(user, there, signal) },
      { name: `${name}.keys`, look: (signal) => lookAtKeys(ground, user, agent.name, there, signal) },
      { name: `${name}.rooms`, look: (signal) => lookAtRooms(ground, client, agent, user, there, signal) },
    ];
  });
}

async function lookAtUser(user: string, there: Shared<string>, signal: AbortSignal): Promise<Finding> {
  try {
    await there.own(signal);
    return ok(user);
  } catch (thrown) {
    if (!(thrown instanceof MatrixError)) throw thrown;
    return fail(
      `the homeserver does not let us act as ${user} (${thrown.errcode ?? thrown.httpStatus ?? "no answer"})`,
      "the gateway makes the user when it starts; if it runs, the registration's namespaces do not cover it: matrix.namespace",
    );
  }
}

/** Fewer one-time keys than this, and those who write first may find none. */
const fewKeys = 5;
/** A quiet pull is written down once a minute. */
const stallSeconds = 180;

async function lookAtKeys(
  { config, tables, gateway }: Ground,
  user: string,
  agent: string,
  there: Shared<string>,
  signal: AbortSignal,
): Promise<Finding> {
  const [sql] = await Promise.all([tables.lean(signal), there.lean(signal)]);
  const status = (await deviceStatuses(sql, [user])).get(user);
  const running = await gateway.lean(signal).then(
    () => true,
    () => false,
  );
  if (!status?.masterKey || status.ed25519 === undefined) {
    if (!running) throw new NotSeen("it has no keys yet: the gateway makes them when it runs");
    return fail(
      "it has no keys yet",
      status?.trouble ?? "see the gateway's log: it makes them within seconds of its start",
    );
  }
  const { deviceId, oneTimeKeys, pulledSecondsAgo, unreadable, masterKey } = status;
  const shown = await queryOwnKeys(config, user, signal);
  if (shown.masterKey !== masterKey)
    return fail(
      shown.masterKey === undefined
        ? "the homeserver shows no identity of it"
        : "the homeserver shows another identity than the database has",
      `did two gateways with two databases have this user? claw matrix reset ${agent} --identity makes a new one, and people verify it anew`,
    );
  if (!shown.devices.has(deviceId) || shown.devices.get(deviceId) !== status.ed25519)
    return fail(
      `the homeserver does not show its device ${deviceId}, or with another key`,
      `claw matrix reset ${agent}`,
    );
  if (!shown.signedDevices.has(deviceId))
    return fail(
      `its device ${deviceId} is not cross-signed`,
      status.trouble ?? "see the gateway's log; it signs within seconds of its start",
    );
  if (running && status.trouble !== undefined) return fail(status.trouble, "see the gateway's log");
  if (running && (pulledSecondsAgo === undefined || pulledSecondsAgo > stallSeconds))
    return fail(
      `keys were last pulled ${pulledSecondsAgo === undefined ? "never" : `${age(pulledSecondsAgo)} ago`}`,
      "see the gateway's log: encrypted messages wait until it pulls again",
    );
  if (running && oneTimeKeys !== undefined && oneTimeKeys < fewKeys)
    return warn(
      `${counted(oneTimeKeys, "one-time key")} left on the homeserver`,
      "the gateway uploads more by itself: look again in a minute, then see its log",
    );
  if (unreadable > 0)
    return warn(
      `${counted(unreadable, "message")} cannot be read yet`,
      "their senders may not have sent the keys: they write again, or verify the agent",
    );
  return ok(
    `encrypted, device ${deviceId}, cross-signed${oneTimeKeys === undefined ? "" : `, ${oneTimeKeys} one-time keys`}`,
  );
}

async function lookAtRooms(
  { tables }: Ground,
  client: MatrixClient,
  agent: Agent,
  user: string,
  there: Shared<string>,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  await there.lean(signal);
  const joined = new Set(await client.joinedRooms(user, signal));
  const wanted = agent.matrix?.rooms ?? [];
  // A room that was upgraded is known by the one it replaced; without the database, by its own id alone.
  const upgraded = await tables
    .lean(signal)
    .then((sql) => createMatrixRooms(sql).of(user))
    .then(
      (rooms) =>
        new Map(
          rooms.flatMap(({ origin, room }) => (origin !== undefined && joined.has(room) ? [[origin, room]] : [])),
        ),
    )
    .catch(() => new Map<string, string>());
  const findings = await Promise.all(
    wanted.map(async (room): Promise<readonly Finding[]> => {
      const at = joined.has(room) ? room : upgraded.get(room);
      if (at === undefined) return [warn(`is not in ${room}`, `invite ${user} to it: it joins by itself`)];
      if (agent.matrix?.require_encryption === false) return [];
      if ((await client.getState(user, at, "m.room.encryption", "", signal)) !== undefined) return [];
      return [
        warn(
          `${at} is not encrypted, so nothing is read there`,
          `turn encryption on in the room, or set agents.${agent.name}.matrix.require_encryption = false`,
        ),
      ];
    }),
  );
  const wrong = findings.flat();
  const direct = agent.matrix?.direct === true ? "; direct chats besides" : "";
  return wrong.length > 0
    ? wrong
    : [
        ok(
          wanted.length === 0
            ? `the config names no room${direct}`
            : `in ${counted(wanted.length, "room")} of the config, all there are${direct}`,
        ),
      ];
}
