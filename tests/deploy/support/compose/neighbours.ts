/** What is around the gateway of compose.test.ts: a model, a Bot API and a Miniflux on the host, and the person who writes to it. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startBotApi } from "../../../support/bot-api.ts";
import { startMinifluxApi } from "../../../support/miniflux-api.ts";
import { type ScriptedRequest, startModelServer, type Turn } from "../../../support/model-server.ts";
import { messageUpdate, person } from "../../../support/telegram-updates.ts";
import { until } from "../../../support/until.ts";

const owner = 1001;
/** Time enough for a gateway to be stopped or killed in. */
const slowMs = 4_000;

export interface Neighbours {
  /** Flags of `claw init` with their addresses, as containers reach them. */
  readonly flags: string;
  /** What it is given besides, by variables. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Says a number, slowly answered or at once; resolves when it was taken. */
  say(at: string, secret: string, number: number, how?: "slowly"): Promise<void>;
  /** Waits for the answer to a number; resolves with it. */
  hears(number: number): Promise<string>;
  /** How often a number was answered. */
  count(number: number): number;
  /** Waits until the model was asked for a number. */
  asked(number: number): Promise<void>;
  /** Whether the model was shown a text in its latest request. */
  wasShown(text: string): boolean;
}

async function script({ messages, tools }: ScriptedRequest): Promise<Turn> {
  // What the doctor tells it to call.
  const called = tools.map((tool) => tool.function?.name ?? tool.name).find((name) => name === "report_ready");
  if (called !== undefined) return { toolCalls: [{ name: called, arguments: {} }] };
  const said = JSON.stringify(messages.at(-1)?.content ?? "");
  if (said.includes("slowly")) await sleep(slowMs);
  const number = /say (\d+)/.exec(said)?.[1];
  return { text: number === undefined ? "Hello." : answerTo(Number(number)) };
}

const answerTo = (number: number): string => `You said ${number}.`;

/** Starts them. */
export async function startNeighbours(recipient: string): Promise<Neighbours> {
  const [botApi, model, miniflux] = await Promise.all([startBotApi(), startModelServer(script), startMinifluxApi()]);
  const [modelUrl, botApiUrl, minifluxUrl] = await Promise.all(
    [model.url, botApi.url, miniflux.url].map(openToContainers),
  );
  const count = (number: number): number => botApi.sent(owner).filter(({ text }) => text === answerTo(number)).length;
  return {
    flags: [
      ...["--yes", "--timezone Europe/Berlin", `--llm-url ${modelUrl}`, "--model stand-in --price 0.25/2"],
      ...[`--telegram-user ${owner}`, `--telegram-api-root ${botApiUrl}`, "--public-url https://localhost"],
      ...[`--miniflux-url ${minifluxUrl}`, `--recipient ${recipient}`],
    ].join(" "),
    secrets: {
      LLM_API_KEY: "canary-llm-api-key",
      TELEGRAM_TOKEN: "4242:canary-telegram-token-of-35-characters",
      MINIFLUX_TOKEN: miniflux.key,
    },
    async say(at, secret, number, how) {
      const text = `${how ?? "please"} say ${number}`;
      const update = messageUpdate(person(owner), { id: owner, type: "private" }, { text });
      const { status } = await botApi.push(`${at}/telegram/home`, secret, update);
      if (status !== 200) throw new Error(`the push of "${text}" got ${status}`);
    },
    async hears(number) {
      await until(
        async () => count(number),
        (times) => times > 0,
        30_000,
      );
      return answerTo(number);
    },
    count,
    async asked(number) {
      const said = `say ${number}`;
      await until(async () => model.requests.some(({ body }) => JSON.stringify(body).includes(said)));
    },
    wasShown: (text) => JSON.stringify(model.requests.at(-1)?.body).includes(text),
  };
}

/** Makes what listens on this host's loopback reachable from containers; its URL there. */
async function openToContainers(url: string): Promise<string> {
  const { port, pathname } = new URL(url);
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), "127.0.0.1");
    incoming.on("error", () => outgoing.destroy()).pipe(outgoing);
    outgoing.on("error", () => incoming.destroy()).pipe(incoming);
  });
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  return `http://host.containers.internal:${(server.address() as AddressInfo).port}${pathname.replace(/\/$/, "")}`;
}
