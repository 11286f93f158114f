/** The gateway as commands ask it: over its private listener, with the token of the config. */
import { request } from "node:http";
import { json } from "node:stream/consumers";
import type { Config } from "../../lib/config/config.ts";
import { ClawError, messageOf } from "../../lib/errors.ts";
import { privateUrl } from "./private-url.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Asks and waits for the answer, however long that takes. Throws ClawError with what the gateway says is wrong. */
export async function askGateway(config: Config, method: "GET" | "POST", path: string): Promise<Answer> {
  const url = privateUrl(config);
  if (!config.token)
    throw new ClawError(
      "config_invalid",
      `${config.file} has no listen.token: make one with \`openssl rand -hex 32\`, add token = { env = "OPENCLAW_TOKEN" } to [listen] and restart the gateway`,
    );
  let answer: Answer;
  try {
    answer = await exchange(method, url + path, config.token.reveal());
  } catch (cause) {
    throw new ClawError(
      "environment",
      `no gateway answers at ${url} (${messageOf(cause)}): start it (npm start), or see listen.private in ${config.file}`,
      { cause },
    );
  }
  const { status, body } = answer;
  if (status >= 200 && status < 300) return answer;
  const said =
    typeof body === "object" && body !== null && "message" in body ? String(body.message) : "no reason given";
  const whose = status === 401 ? `; ${config.file} names another token than the gateway was started with` : "";
  throw new ClawError("bad_request", `the gateway answers ${status}: ${said}${whose}`);
}

/** By node:http: `fetch` gives up on an answer that takes more than five minutes, and a job may. */
function exchange(method: string, url: string, token: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { authorization: `Bearer ${token}` } }, (response) => {
      json(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.on("error", reject).end();
  });
}
