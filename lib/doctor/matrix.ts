/** The homeserver: whether it is there, knows us, and reaches us. */
import { randomUUID } from "node:crypto";
import type { Config, MatrixConfig } from "../config/config.ts";
import { exchange, TransportError } from "../http/exchange.ts";
import { createMatrixRooms } from "../ledger/matrix-rooms.ts";
import { operatorPlace } from "../conversation/operator-place.ts";
import { createMatrixClient, type MatrixClient } from "../matrix/client.ts";
import { hasErrcode, MatrixError } from "../matrix/error.ts";
import { senderUser } from "../matrix/ids.ts";
import { type Check, fail, type Finding, NotSeen, ok, type Shared, shared, since, warn } from "./check.ts";
import type { Ground } from "./ground.ts";
import { agentChecks } from "./matrix-agent.ts";
import { lookAtRegistration } from "./registration-file.ts";

export function matrixChecks(ground: Ground): Check[] {
  const { config } = ground;
  const { matrix } = config;
  if (!matrix) return [];
  const client = createMatrixClient(() => config);
  const homeserver = shared("the homeserver does not answer", (signal) => versionsOf(matrix, signal), 12);
  const known = shared("the homeserver does not take as_token", async (signal) => {
    await homeserver.lean(signal);
    return client.whoami(undefined, signal);
  });
  return [
    { name: "matrix.homeserver", look: (signal) => lookAtHomeserver(matrix, homeserver, signal) },
    { name: "matrix.as_token", look: (signal) => lookAtToken(config, known, signal) },
    { name: "matrix.registration", look: () => lookAtRegistration(config, matrix) },
    { name: "matrix.ping", look: (signal) => lookAtPing(ground, client, known, signal), seconds: pingSeconds },
    ...agentChecks(ground, client, known),
    ...(config.operator?.startsWith("matrix:")
      ? [{ name: "matrix.operator", look: (signal: AbortSignal) => lookAtOperator(ground, signal) }]
      : []),
  ];
}

/** Synapse itself gives up on us after some time. */
const pingSeconds = 40;

/** The first version of the specification that has all calls that are made. */
const leastVersion = 11;

interface Versions {
  readonly newest: number | undefined;
  readonly took: string;
}

async function versionsOf({ homeserver }: MatrixConfig, signal: AbortSignal): Promise<Versions> {
  const began = performance.now();
  const request = { method: "GET", signal, timeoutMs: 10_000 };
  const { status, body } = await exchange(`${homeserver}/_matrix/client/versions`, request, 1024 * 1024);
  const took = since(began);
  let versions: unknown;
  try {
    ({ versions } = JSON.parse(body.toString("utf8")) as { versions?: unknown });
  } catch {
    // Told below.
  }
  if (status !== 200 || !Array.isArray(versions)) throw new NoHomeserver(status);
  const minors = versions.map((version) => Number(/^v1\.(\d+)$/.exec(String(version))?.[1] ?? Number.NaN));
  const known = minors.filter((minor) => !Number.isNaN(minor));
  return { newest: known.length > 0 ? Math.max(...known) : undefined, took };
}

class NoHomeserver extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`answers ${status}`);
    this.status = status;
  }
}

async function lookAtHomeserver(
  { homeserver }: MatrixConfig,
  versions: Shared<Versions>,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const { newest, took } = await versions.own(signal);
    const saw = `${homeserver} answers in ${took}`;
    if (newest !== undefined && newest >= leastVersion) return ok(`${saw}, Matrix v1.${newest}`);
    return warn(
      `${saw}, and is older than Matrix v1.${leastVersion}`,
      "upgrade the homeserver: it lacks calls that are made",
    );
  } catch (thrown) {
    if (thrown instanceof NoHomeserver)
      return fail(
        `${homeserver} answers ${thrown.status} to /_matrix/client/versions`,
        "matrix.homeserver must be the client-server API as this machine reaches it: scheme, port, and no path",
      );
    if (!(thrown instanceof TransportError)) throw thrown;
    return fail(
      `${homeserver} does not answer (${thrown.message})`,
      "is it running, and is matrix.homeserver right as seen from here (in a container, by the service's name)?",
    );
  }
}

const registered =
  "is the registration in the homeserver's app_service_config_files, was it restarted since, and is matrix.as_token the registration's as_token?";

async function lookAtToken(config: Config, known: Shared<string>, signal: AbortSignal): Promise<Finding> {
  try {
    const user = await known.own(signal);
    const wanted = senderUser(config);
    if (user === wanted) return ok(`the homeserver knows us as ${user}`);
    return fail(
      `the token is ${user}'s, the config says ${wanted}`,
      "matrix.sender_localpart, server_name or as_token is not the registration's",
    );
  } catch (thrown) {
    if (hasErrcode(thrown, "M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"))
      return fail("the homeserver does not know matrix.as_token", registered);
    if (!(thrown instanceof MatrixError)) throw thrown;
    return fail(`whoami: ${thrown.message}`, registered);
  }
}

/** Has the homeserver call us, as it does to push. */
async function lookAtPing(
  { gateway }: Ground,
  client: MatrixClient,
  known: Shared<string>,
  signal: AbortSignal,
): Promise<Finding> {
  await Promise.all([gateway.lean(signal), known.lean(signal)]);
  const began = performance.now();
  try {
    await client.ping(randomUUID(), signal);
    return ok(`the homeserver reaches us, in ${since(began)}`);
  } catch (thrown) {
    if (!(thrown instanceof MatrixError)) throw thrown;
    return whyNotReached(thrown);
  }
}

const leadsToUs =
  "it must lead to listen.public as seen from the homeserver: look at url in the registration, at firewall and proxy; the homeserver reads it at its start";

function whyNotReached(error: MatrixError): Finding {
  const { errcode, httpStatus, reachedStatus } = error;
  switch (errcode) {
    case "M_CONNECTION_FAILED":
      return fail("the homeserver cannot connect to the registration's url", leadsToUs);
    case "M_CONNECTION_TIMED_OUT":
      return fail("the homeserver gets no answer at the registration's url in time", leadsToUs);
    case "M_URL_NOT_SET":
      return fail(
        "the registration has no url",
        "write url = where the homeserver reaches listen.public, and restart the homeserver",
      );
    case "M_BAD_STATUS":
      return reachedStatus === 401 || reachedStatus === 403
        ? fail(
            `the homeserver reaches us and is refused (${reachedStatus})`,
            "matrix.hs_token is not the hs_token of the registration that the homeserver has read",
          )
        : fail(
            `the homeserver is answered ${reachedStatus ?? "something else"} at the registration's url, not by us`,
            leadsToUs,
          );
    case "M_FORBIDDEN":
      return fail("the homeserver has as_token from another registration", 'the registration\'s id must be "openclaw"');
    case "M_UNRECOGNIZED":
      return warn(
        "the homeserver cannot be asked to ping (Matrix v1.7)",
        "upgrade it; whether it reaches us is seen when somebody writes to an agent",
      );
    default:
      return fail(
        `the homeserver was asked to ping, and it says ${[httpStatus ?? "nothing", errcode].filter(Boolean).join(" ")}`,
        "see the homeserver's log",
      );
  }
}

async function lookAtOperator({ config, tables }: Ground, signal: AbortSignal): Promise<Finding> {
  const sql = await tables.lean(signal);
  if (!config.operator) throw new NotSeen("there is no operator");
  const place = await operatorPlace(config, createMatrixRooms(sql));
  if (place) return ok(`reached by ${"user" in place.destination ? place.destination.user : "an agent"}`);
  return warn(
    `nobody of ours is where operator says (${config.operator})`,
    config.operator.startsWith("matrix:!") ? "invite an agent to that room" : "begin a direct chat with an agent",
  );
}
