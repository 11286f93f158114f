import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { Environment, readEnvFile, readEnvironment } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { ConfigError } from "../../lib/config/problem.ts";
import { ClawError, messageOf } from "../../lib/errors.ts";
import type { Key } from "../../lib/init/answers.ts";
import { deployments, isDeployment } from "../../lib/init/deployments.ts";
import { configFile, credentialsFolder, envFile, houseFiles } from "../../lib/init/house.ts";
import { type Given, interview } from "../../lib/init/interview.ts";
import { lookAtModels } from "../../lib/init/look-llm.ts";
import { discoverHomeserver, lookAtHomeserver } from "../../lib/init/look-matrix.ts";
import { lookAtBot, writersOf } from "../../lib/init/look-telegram.ts";
import type { Looks } from "../../lib/init/question.ts";
import { questions } from "../../lib/init/questions.ts";
import { makeSecrets } from "../../lib/init/secrets.ts";
import { nextSteps } from "../../lib/init/steps.ts";
import { refuseFolder, writeHouse } from "../../lib/init/write-house.ts";
import { builtinToolFacts } from "../../lib/tools/builtin.ts";
import type { CommandContext } from "./context.ts";
import { atTerminal } from "./terminal.ts";

type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** The flag of each question, as commander knows it. */
const flags = questions.map(({ key, flag, help, secret }) => ({ key, secret, option: new Option(flag, help) }));

/** Adds `claw init`: asks for what a house needs and writes its config, prompts, secrets and registration. */
export function register(program: Command, context: CommandContext): void {
  const command = program
    .command("init")
    .summary("make a config: asks what it needs, and says what is left to do")
    .description(
      "Makes a config: openclaw.toml, prompts, secrets (0600) and the registration for Synapse. Asks at a terminal; elsewhere every answer is a flag, and every secret a file or a variable. All is written at the end, or nothing.",
    )
    .option("--dir <folder>", "where it goes (default: ./config, for systemd /etc/openclaw)");
  for (const { option } of flags) command.addOption(option);
  command
    .option("--no-llm-key", "the endpoint wants no key")
    .option("-y, --yes", "ask only for what has no default")
    .option("--offline", "look at nothing: no address and no token is tried")
    .action((options: Flags) => init(context, options));
}

async function init(context: CommandContext, options: Flags): Promise<void> {
  const deployment = options["for"] ?? "here";
  const folder =
    typeof deployment === "string" && isDeployment(deployment) ? deployments[deployment].directory : "config";
  const directory = resolve(typeof options["dir"] === "string" ? options["dir"] : folder);
  refuseFolder(directory, options["credentials"] === true);
  const person = process.stdin.isTTY && process.stderr.isTTY ? atTerminal : undefined;
  if (person) {
    context.note(`A new config in ${directory} (--for compose and --for systemd make others).`);
    context.note("Enter takes what stands in brackets. All is written at the end; Ctrl-C writes nothing.\n");
  }
  const answers = await interview({
    given: givenBy(options, readEnvironment(join(directory, configFile))),
    person,
    defaults: options["yes"] === true,
    looks: options["offline"] === true ? undefined : looks,
    tell: context.note,
  });
  const files = await houseFiles(answers, makeSecrets(answers));
  writeHouse(directory, files, (aside) => refuseUnloadable(aside, directory));
  context.out(`Written to ${directory}:`);
  for (const { path, mode } of files) context.out(`  ${path}${mode === 0o600 ? " (0600)" : ""}`);
  context.out("");
  const { value: bot } =
    answers.telegramToken === undefined || options["offline"] === true
      ? {}
      : await looks.bot(answers.telegramToken, answers.telegramApiRoot);
  context.out(nextSteps({ answers, directory, from: process.cwd(), bot }));
}

/** What was given by flags, by files that flags name, and for secrets by variables. */
function givenBy(options: Flags, env: Environment): Map<Key, Given> {
  const given = new Map<Key, Given>();
  for (const { key, secret, option } of flags) {
    const value = options[option.attributeName()];
    const from = option.long ?? "";
    if (secret === undefined) {
      if (value !== undefined) given.set(key, { text: value === true ? "yes" : String(value), from });
    } else if (typeof value === "string") given.set(key, { text: secretIn(value, from), from });
    else if (env.get(secret)) given.set(key, { text: env.get(secret) ?? "", from: secret });
  }
  if (options["llmKey"] === false) given.set("llmKey", { text: "", from: "--no-llm-key" });
  return given;
}

/** A secret from a file, or from standard input by "-". */
function secretIn(file: string, flag: string): string {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8").trim();
  } catch (cause) {
    throw new ClawError("bad_request", `${flag}: ${file} cannot be read (${messageOf(cause)})`, { cause });
  }
  if (text === "") throw new ClawError("bad_request", `${flag}: ${file} is empty: put the secret there, alone`);
  return text;
}

/** Loads a config as the gateway will; throws ConfigError with what is wrong, as if it were in its place already. */
function refuseUnloadable(aside: string, place: string): void {
  try {
    loadConfig(join(aside, configFile), {
      env: new Environment({
        ...readEnvFile(join(aside, envFile)),
        CREDENTIALS_DIRECTORY: join(aside, credentialsFolder),
      }),
      tools: builtinToolFacts(),
    });
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    throw new ConfigError(thrown.problems.map((problem) => ({ ...problem, file: join(place, configFile) })));
  }
}

/** Each thing is looked at once. */
const looks: Looks = {
  models: once(lookAtModels),
  homeserver: once(lookAtHomeserver),
  discover: once(discoverHomeserver),
  bot: once(lookAtBot),
  writers: writersOf,
};

function once<Of>(look: (...of: [string, string?]) => Promise<Of>): (...of: [string, string?]) => Promise<Of> {
  const seen = new Map<string, Promise<Of>>();
  return (...of) => {
    const key = JSON.stringify(of);
    const found = seen.get(key) ?? look(...of);
    seen.set(key, found);
    return found;
  };
}
