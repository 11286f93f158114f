/**
 * Whether the gateway of this machine answers: exit code 0, or 1 with the reason, for an image's HEALTHCHECK. Asks /healthz of the
 * config's private listener. It reads no more of the config than that address, as it is run every few seconds.
 */
import { get } from "node:http";
import { readEnvironment } from "../lib/config/environment.ts";
import { defaultPrivateAddress, localUrl } from "../lib/config/listen-address.ts";
import { readToml } from "../lib/config/toml.ts";
import { messageOf } from "../lib/errors.ts";

const patienceMs = 4_000;

try {
  const { listen } = readToml(readEnvironment().configFile) as { listen?: { private?: unknown } };
  const url = `${localUrl(typeof listen?.private === "string" ? listen.private : defaultPrivateAddress)}/healthz`;
  const asked = get(url, { timeout: patienceMs }, ({ statusCode }) =>
    statusCode === 200 ? process.exit(0) : failed(`${url} answers ${statusCode}`),
  );
  asked.on("timeout", () => failed(`${url} gives no answer within ${patienceMs / 1000} s`));
  asked.on("error", (error) => failed(`${url}: ${messageOf(error)}`));
} catch (thrown) {
  failed(messageOf(thrown));
}

function failed(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
