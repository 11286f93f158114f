/** The parts of a test config that put the agent `ops` on Matrix. */
import type { Home } from "./process.ts";
import { testEnvironment } from "./gateway.ts";
import { type StandInHomeserver, type StandInOptions, startHomeserver } from "./homeserver.ts";
import { until } from "./until.ts";

export const matrixOwner = "@me:home.example";
export const matrixAgent = "@agent_ops:home.example";
export const matrixRoom = "!ops:home.example";

/** The config of telegram-config.ts with Matrix beside Telegram, and a room whose every message is answered. */
export const withMatrix = (toml: string, homeserver: string): string => `${toml
  .replace('"telegram:1001"', `"telegram:1001", "matrix:${matrixOwner}"`)
  .replace(
    /^tools = \["time_now", "commitments_\*", "history_search".*$/m,
    `$&\nmatrix = { localpart = "agent_ops", rooms = ["${matrixRoom}"], answer = "always", require_encryption = false }`,
  )}
[matrix]
progress = false
homeserver = "${homeserver}"
server_name = "home.example"
as_token = { env = "MATRIX_AS_TOKEN" }
hs_token = { env = "MATRIX_HS_TOKEN" }
`;

/** A stand-in with the tokens of `withMatrix`. */
export const startMatrixStandIn = (options: StandInOptions = {}): Promise<StandInHomeserver> =>
  startHomeserver({
    ...options,
    asToken: testEnvironment["MATRIX_AS_TOKEN"] ?? "",
    hsToken: testEnvironment["MATRIX_HS_TOKEN"] ?? "",
  });

/** Until the gateway knows that its agent is in its rooms. */
export const matrixReady = ({ privateUrl }: Pick<Home, "privateUrl">): Promise<unknown> =>
  until(async () => {
    const answer = await fetch(`${privateUrl}/readyz`);
    return ((await answer.json()) as { matrix?: { ok: boolean } }).matrix?.ok;
  });
