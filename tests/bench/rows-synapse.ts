/** Encrypted turns on a real Synapse, spoken by matrix-js-sdk; left out, with the reason, where there can be none. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { newKey } from "../../lib/seal.ts";
import { serviceId } from "../../lib/matrix/client.ts";
import { registrationYaml } from "../../lib/matrix/registration.ts";
import { startSynapse, type Synapse } from "../live/support/synapse.ts";
import { startChild } from "./child.ts";
import type { Bench, Row } from "./context.ts";
import { synapseCalls } from "./matrix-calls.ts";
import type { SynapseClientCalls } from "./protocol.ts";
import { roundTripRow } from "./rows-encrypted.ts";
import { freePort } from "../support/free-port.ts";
import { matrixTokens, type Place, type Settings, userOf, writeSettings } from "./settings.ts";
import { type Shipped, startShipped } from "./shipped.ts";
import { round } from "./statistics.ts";

const what = "encrypted round trip, Synapse and matrix-js-sdk";

/** One person, one room, one at a time. `download`: a machine without Synapse gets it. */
export async function synapseRows(bench: Bench, download: boolean): Promise<Row[]> {
  const port = await freePort();
  let synapse: Synapse | undefined;
  try {
    if (!download && !existsSync(chroot()))
      throw new Error("it is not on this machine, and nothing is to be downloaded");
    synapse = await start(port);
  } catch (thrown) {
    const measured = `left out: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    return [{ what, measured, target: "p50 <= 80 ms", met: undefined, figures: {} }];
  }
  try {
    return [await measure(bench, synapse, port)];
  } finally {
    await synapse.stop();
  }
}

/** As tests/live/support/sid.ts leaves it. */
const chroot = (): string =>
  join(process.env["OPENCLAW_LIVE_DIR"] ?? join(homedir(), ".cache/openclaw-live"), "sid/installed.json");

async function start(port: number): Promise<Synapse> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-bench-synapse-"));
  const registration = join(directory, "appservice.yaml");
  const { asToken: as_token, hsToken: hs_token } = matrixTokens;
  writeFileSync(
    registration,
    registrationYaml({
      id: serviceId,
      url: `http://127.0.0.1:${port}`,
      as_token,
      hs_token,
      sender_localpart: "openclaw",
      namespaces: { users: [{ exclusive: true, regex: "@agent_.*:home\\.example" }] },
    }),
  );
  try {
    return await startSynapse({ registration, serverName: "home.example" });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(bench: Bench, synapse: Synapse, port: number): Promise<Row> {
  const client = startChild<SynapseClientCalls>("./synapse-client.ts");
  let gateway: Shipped | undefined;
  let settings: Settings | undefined;
  try {
    const user = await synapse.registerUser("me", "bench-password");
    const room = await client.call("open", { url: synapse.url, user });
    const place: Place = {
      databaseUrl: await bench.cluster.database(),
      key: newKey(),
      port,
      homeserver: synapse.url,
      cast: [{ name: "ops", rooms: [room] }],
    };
    settings = writeSettings(bench.addresses, place);

    gateway = await startShipped(settings, { flags: bench.flags });
    const agent = userOf("ops");
    await client.call("invite", { room, user: agent });
    const count = Math.ceil(200 * bench.scale);
    const plan = { room, agent, pauseMs: 50 };
    await client.call("turns", { ...plan, count: Math.ceil(count / 4) });
    await bench.standIns.call("modelMs", null);
    const mark = synapse.logs().length;
    const times = await client.call("turns", { ...plan, count });
    const model = (await bench.standIns.call("modelMs", null)) / count;
    // Before the log is cut off at its beginning; the next best are the last ones.
    const log = synapse.logs();
    const calls = Object.entries(
      Object.groupBy(synapseCalls(log.slice(Math.min(mark, log.length)), agent), ({ name }) => name),
    );
    return roundTripRow(
      what,
      times.map((ms) => ms - model),
      {
        modelMs: round(model),
        calls: Object.fromEntries(
          calls.map(([name, all = []]) => [
            name,
            { perTurn: round(all.length / count), ms: round(all.reduce((sum, { ms }) => sum + ms, 0) / all.length, 1) },
          ]),
        ),
      },
    );
  } finally {
    await client.stop();
    await gateway?.stop();
    settings?.remove();
    for (const line of new Set(gateway?.complaints.map((each) => /"msg":"([^"]*)"/.exec(each)?.[1] ?? each)))
      bench.say(`  the gateway said: ${line}`);
  }
}
