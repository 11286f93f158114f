/** A gateway as a process with a config folder of its own, an agent in an encrypted room, and a person there: to be backed up and lost. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { type BotApi, startBotApi } from "./bot-api.ts";
import { claw, type ClawResult } from "./claw.ts";
import { compileCache } from "./compile-cache.ts";
import { type EncryptedPerson, startEncryptedPerson } from "./encrypted-person.ts";
import { echo, encryptedConfig } from "./encrypted-stage.ts";
import { freePort } from "./free-port.ts";
import { testEnvironment } from "./gateway.ts";
import type { StandInHomeserver } from "./homeserver.ts";
import { matrixAgent, matrixOwner, startMatrixStandIn } from "./matrix-config.ts";
import { startModelServer } from "./model-server.ts";
import { stageConfig } from "./stage.ts";

const root = join(import.meta.dirname, "../..");
/** The room of the agent and the person. */
export const room = "!room1:home.example";

export interface Restorable {
  readonly directory: string;
  /** Where the config is first. */
  readonly folder: string;
  /** The file of the age identity, which is nowhere else. */
  readonly identityFile: string;
  readonly homeserver: StandInHomeserver;
  readonly owner: EncryptedPerson;
  readonly botApi: BotApi;
  readonly privateUrl: string;
  /** Starts the gateway with a config folder, and nothing in its environment but this. */
  start(folder: string, env: Readonly<Record<string, string>>): Promise<RunningGateway>;
  /** Runs a command with nothing in its environment but this. */
  claw(env: Readonly<Record<string, string>>, ...argv: string[]): Promise<ClawResult>;
  /** Says something in the room and waits for the answer. */
  readonly exchange: (text: string) => Promise<void>;
  /** What the agent said in the room, as its person reads it. */
  said(): Promise<string[]>;
  end(): Promise<void>;
}

/** The process. */
export interface RunningGateway {
  log(): string;
  /** Sends the signal and resolves when it has gone. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

export async function createRestorable(top = ""): Promise<Restorable> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-restorable-"));
  const folder = join(directory, "first");
  const identityFile = join(directory, "identity.txt");
  const identity = await generateIdentity();
  writeFileSync(identityFile, `${identity}\n`, { mode: 0o600 });
  const [outer, inner, homeserver, botApi, model] = await Promise.all([
    freePort(),
    freePort(),
    startMatrixStandIn(),
    startBotApi(),
    startModelServer(echo),
  ]);
  const toml = encryptedConfig(stageConfig({ modelUrl: model.url, botApiUrl: botApi.url, top }), homeserver.url);
  mkdirSync(join(folder, "prompts"), { recursive: true });
  writeFileSync(
    join(folder, "openclaw.toml"),
    `${toml.replaceAll('prompt = "prompt.md"', 'prompt = "prompts/ops.md"')}
[listen]
public = "127.0.0.1:${outer}"
private = "127.0.0.1:${inner}"
token = { env = "OPENCLAW_TOKEN" }

[audit]
recipient = "${await identityToRecipient(identity)}"
`,
  );
  writeFileSync(join(folder, "prompts/ops.md"), "You help with the homelab.\n");
  const secrets = Object.entries(testEnvironment).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, ".env"), secrets.join(""), { mode: 0o600 });
  writeFileSync(join(folder, "appservice.yaml"), "as_token: canary-registration\n", { mode: 0o600 });
  const owner = await startEncryptedPerson(homeserver, matrixOwner);
  homeserver.createRoom({ id: room, members: [matrixOwner, matrixAgent], encrypted: true });
  homeserver.connect(`http://127.0.0.1:${outer}`);
  const running = new Set<RunningGateway>();

  return {
    ...{ directory, folder, identityFile, homeserver, owner, botApi, claw },
    privateUrl: `http://127.0.0.1:${inner}`,
    async start(config, env) {
      const gateway = await started(config, env);
      running.add(gateway);
      return gateway;
    },
    async exchange(text) {
      await owner.say(room, text);
      await owner.waitForAnswer(room, matrixAgent, ({ content }) => content["body"] === `You said: ${text}`);
    },
    said: async () => (await owner.answers(room, matrixAgent)).map(({ content }) => String(content["body"])),
    async end() {
      for (const gateway of running) await gateway.stop("SIGTERM");
      await owner.close();
      await Promise.all([homeserver.close(), botApi.stop(), model.stop()]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function started(folder: string, env: Readonly<Record<string, string>>): Promise<RunningGateway> {
  const child = spawn(process.execPath, ["--import", join(root, "lib/boot.ts"), join(root, "functions/server.ts")], {
    cwd: folder,
    env: { ...compileCache, PATH: process.env["PATH"], OPENCLAW_CONFIG: join(folder, "openclaw.toml"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const exited = once(child, "exit");
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (output.includes('"msg":"ready"')) resolve();
    });
    void exited.then(([code]) => reject(new Error(`the gateway ended with ${code}:\n${output}`)));
  });
  return {
    log: () => output,
    async stop(signal) {
      child.kill(signal);
      await exited;
    },
  };
}
