/** A machine with the project in /opt/openclaw, between a stand-in Bot API and a scripted model. */
import { cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { readEnvFile } from "../../../lib/config/environment.ts";
import { startBotApi } from "../../support/bot-api.ts";
import { freePort } from "../../support/free-port.ts";
import { type ModelServer, type Script, startModelServer } from "../../support/model-server.ts";
import { messageUpdate, person } from "../../support/telegram-updates.ts";
import { until } from "../../support/until.ts";
import { type Machine, startMachine } from "./machine.ts";

const project = join(import.meta.dirname, "../../..");
const owner = 1001;

/** A gateway of the machine: the system's, or that of its user ada. */
export type Of = "system" | "user";

/** What `claw init` is given; it makes the other secrets itself. */
export const givenSecrets: Readonly<Record<string, string>> = {
  LLM_API_KEY: "canary-llm-api-key",
  TELEGRAM_TOKEN: "4242:canary-telegram-token-of-35-characters",
};

export interface SystemdStage {
  readonly machine: Machine;
  readonly model: ModelServer;
  /** An age identity; what is its recipient's is encrypted to it. */
  readonly identity: string;
  /** The flags of `claw init` that a person would answer by. */
  answers(of: Of): string;
  /** The folder of a config, for us. */
  folder(of: Of): string;
  /** Keeps the secrets that a `claw init` made, and gives the config a job and the tool machine_probe, whose source is `probe`. */
  complete(of: Of, probe: string): void;
  /** Every secret of a config, by its variable. */
  secrets(of: Of): Readonly<Record<string, string>>;
  /** What the owner says to it; the status of the push. */
  say(to: Of, text: string): Promise<number>;
  /** The texts that the owner was sent. */
  heard(): string[];
  /** Waits for one. */
  hears(text: RegExp): Promise<void>;
  remove(): Promise<void>;
}

/** Starts it, without a config. */
export async function startSystemdStage(script: Script): Promise<SystemdStage> {
  const ports = { system: [await freePort(), await freePort()], user: [await freePort(), await freePort()] } as const;
  const secrets: Partial<Record<Of, Record<string, string>>> = {};
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const [model, botApi] = await Promise.all([startModelServer(script), startBotApi()]);
  const machine = await startMachine([`${realpathSync(join(project, "node_modules"))}:/opt/openclaw/node_modules`]);
  const app = join(machine.root, "opt/openclaw");
  for (const each of ["functions", "lib", "drizzle", "prompts", "package.json", "openclaw.example.toml"])
    cpSync(join(project, each), join(app, each), { recursive: true });
  await machine.do("chown -R root: /opt/openclaw/[!n]* && useradd --create-home --shell /bin/sh ada");

  const folder = (of: Of): string => join(machine.root, of === "system" ? "etc/openclaw" : "home/ada/openclaw/config");
  const heard = (): string[] => botApi.sent(owner).map(({ text }) => text);
  const secretsOf = (of: Of): Readonly<Record<string, string>> => secrets[of] ?? {};
  return {
    machine,
    model,
    identity,
    answers: (of) =>
      [
        ...["--yes", "--offline", "--timezone Europe/Berlin", `--llm-url ${model.url}`, "--model stand-in"],
        ...[`--telegram-user ${owner}`, `--telegram-api-root ${botApi.url}`, "--public-url https://claw.home.example"],
        `--listen-public 127.0.0.1:${ports[of][0]} --listen-private 127.0.0.1:${ports[of][1]} --recipient ${recipient}`,
      ].join(" "),
    folder,
    complete(of, probe) {
      secrets[of] = { ...readEnvFile(join(folder(of), ".env")) } as Record<string, string>;
      mkdirSync(join(folder(of), "tools"));
      writeFileSync(join(folder(of), "tools/probe.ts"), probe);
      const file = join(folder(of), "openclaw.toml");
      const toml = readFileSync(file, "utf8").replace(/^(tools = \["time_now")/m, '$1, "machine_probe"');
      writeFileSync(
        file,
        `tools_dir = "tools"\nscheduler = "external"\n${toml.replace(/^scheduler = .*$/m, "")}${job}`,
      );
    },
    secrets: secretsOf,
    say: async (to, text) => {
      const update = messageUpdate(person(owner), { id: owner, type: "private" }, { text });
      const webhook = `http://127.0.0.1:${ports[to][0]}/telegram/home`;
      return (await botApi.push(webhook, secretsOf(to)["TELEGRAM_WEBHOOK_SECRET"] ?? "", update)).status;
    },
    heard,
    async hears(text) {
      await until(
        () => Promise.resolve(heard()),
        (texts) => texts.some((each) => text.test(each)),
      );
    },
    async remove() {
      await machine.remove();
      await Promise.all([model.stop(), botApi.stop()]);
    },
  };
}

const job = `
[jobs.brief]
agent = "ops"
schedule = "0 8 * * *"
prompt = "prompts/ops.md"
deliver = ["telegram:${owner}"]
`;
