/** What is left to do once a config is written, with its own values and no secret. */
import { join, relative, resolve } from "node:path";
import { localUrl } from "../config/listen-address.ts";
import { type Answers, membersOf, placesOf } from "./answers.ts";
import { jobNames } from "./config-work.ts";
import { webhookPath } from "./config-people.ts";
import { deployments } from "./deployments.ts";
import { configFile, credentialsFolder, envFile, registrationFile } from "./house.ts";
import { lines } from "./toml.ts";

/** A house that was written, and what is known besides. */
export interface Written {
  readonly answers: Answers;
  /** Absolute. */
  readonly directory: string;
  /** Where the command was called. */
  readonly from: string;
  /** The bot's username, where it was seen. */
  readonly bot: string | undefined;
}

/** The whole text. */
export function nextSteps(written: Written): string {
  const { answers } = written;
  const secrets = join(shownFolder(written), answers.credentials ? `${credentialsFolder}/openclaw-key` : envFile);
  const steps = [synapse(written), telegram(written), start(written), ...leftOpen(written)];
  return [
    `Keep a copy of OPENCLAW_KEY (in ${secrets}) elsewhere: nothing that is stored opens without it.`,
    ...steps.filter((step) => step !== undefined).map((step, at) => `${at + 1}. ${step.replaceAll("\n", "\n   ")}`),
  ].join("\n\n");
}

function synapse(written: Written): string | undefined {
  const { answers } = written;
  if (answers.matrixUser === undefined) return undefined;
  const file = join(shownFolder(written), registrationFile);
  const compose = answers.deployment === "compose";
  return lines(
    "Synapse: add this to homeserver.yaml, and restart it",
    "  app_service_config_files:",
    `    - ${compose ? `/openclaw/${registrationFile}` : file}`,
    compose
      ? `(that is where compose.yaml shows its own Synapse ${file}; another one needs a copy that its user alone can read)`
      : "(or a copy of it that Synapse's user can read, and nobody else)",
  );
}

function telegram({ answers, bot }: Written): string | undefined {
  if (answers.telegramToken === undefined) return undefined;
  const name = bot === undefined ? "your bot" : `@${bot}`;
  const gateway = localUrl(answers.listenPublic);
  return lines(
    `Telegram: in @BotFather, /setjoingroups, ${name}, Disable, so that nobody can add it to a group`,
    answers.publicUrl === undefined
      ? `Your reverse proxy: pass https://<a public name>${webhookPath} to ${gateway}${webhookPath}, and put that address`
      : `Your reverse proxy: pass ${answers.publicUrl}${webhookPath} to ${gateway}${webhookPath}`,
    answers.publicUrl === undefined && `into webhook_url of ${configFile} (docs/reverse-proxy.md has Caddy and nginx)`,
    answers.publicUrl !== undefined && "(docs/reverse-proxy.md has Caddy and nginx)",
  );
}

function start(written: Written): string {
  const { answers } = written;
  const claw = clawOf(written);
  const afterwards = [
    ...(answers.matrixUser === undefined ? [] : [`${claw} matrix provision`]),
    ...(answers.telegramToken === undefined ? [] : [`${claw} telegram set-webhook`]),
    `${claw} doctor`,
  ];
  switch (answers.deployment) {
    case "here":
      return lines(
        "Start it:",
        `  ${isUsual(written) ? "" : `OPENCLAW_CONFIG=${word(pathOf(written))} `}npm start`,
        "and, in a second terminal, once it says that it is ready:",
        ...afterwards.map((command) => `  ${command}`),
      );
    case "compose":
      return lines(
        "Start it:",
        `  ${composeFolder(written)}docker compose up -d`,
        ...afterwards.map((command) => `  ${command}`),
        "docs/deploy-compose.md has each step, and podman.",
      );
    case "systemd":
      return lines(
        "Start it, as root:",
        `  ${claw} service systemd --dir ${units}`,
        "  systemctl daemon-reload && systemctl enable --now openclaw.service",
        ...afterwards.map((command) => `  ${command}`),
        ...(jobNames(answers).length > 0 && placesOf(answers).length > 0 && answers.scheduler === "external"
          ? timers(written, claw)
          : []),
        "docs/deploy-systemd.md has each step, and makes `claw` a command.",
      );
  }
}

const units = "/etc/systemd/system";

/** The timers read the token from a file of its own, where it is no credential. */
function timers({ answers, directory }: Written, claw: string): string[] {
  const token = word(join(directory, "token"));
  // The folder in which it is looked for.
  const given = answers.credentials || directory === deployments.systemd.directory ? "" : ` --token-file ${token}`;
  return [
    "and the timers of the jobs:",
    ...(answers.credentials
      ? []
      : [`  (umask 077 && sed -n 's/^OPENCLAW_TOKEN=//p' ${word(join(directory, envFile))} >${token})`]),
    `  ${claw} timers systemd --dir ${units}${given}`,
    `  systemctl daemon-reload && systemctl enable --now $(cd ${units} && echo openclaw-job-*.timer)`,
  ];
}

/** What was left open, each with how to close it. */
function leftOpen(written: Written): string[] {
  const { answers } = written;
  const steps: string[] = [];
  const config = join(shownFolder(written), configFile);
  if (answers.telegramToken !== undefined && answers.telegramUser === undefined)
    steps.push(
      lines(
        "Your Telegram id: write to the bot once it runs, and it tells you your id.",
        `Put it into members of [groups.owners] in ${config}, then ${deployments[answers.deployment].reload}.`,
        membersOf(answers).length === 0 &&
          "Until then it answers nobody; write approve = true and operator there, too.",
      ),
    );
  const jobs = jobNames(answers);
  if (jobs.length > 0 && placesOf(answers).length === 0)
    steps.push(
      lines(
        `The jobs (${jobs.join(", ")}) are written, and off: they need a place to speak in.`,
        answers.matrixUser === undefined
          ? "Put your Telegram id into their `deliver`,"
          : lines(
              "Make a room, and put its id into `rooms` of the agent and into their `deliver`,",
              `  ${clawOf(written)} matrix provision --create-room Reports --agent ${answers.agent} --invite ${word(answers.matrixUser)}`,
            ),
        `and take the "#" from their lines in ${config}.`,
        answers.deployment === "systemd" &&
          answers.scheduler === "external" &&
          "Their timers are made then: docs/deploy-systemd.md.",
      ),
    );
  return steps;
}

/** `claw` as it is called for this house. */
function clawOf(written: Written): string {
  switch (written.answers.deployment) {
    case "here":
      return isUsual(written) ? "npx claw" : `npx claw --config ${word(pathOf(written))}`;
    case "compose":
      return `${composeFolder(written)}docker compose exec gateway claw`;
    case "systemd":
      return isUsual(written) ? "claw" : `claw --config ${word(join(written.directory, configFile))}`;
  }
}

/** Whether it is where it is looked for. */
const isUsual = (written: Written): boolean =>
  shownFolder(written) === resolve(written.from, deployments[written.answers.deployment].directory) ||
  shownFolder(written) === "config";

/** The folder as the host knows it: `claw init` may run in the container, which has ./config there. */
const shownFolder = ({ answers, directory }: Written): string =>
  answers.deployment === "compose" && directory === "/etc/openclaw" ? "config" : directory;

function pathOf({ directory, from }: Written): string {
  const path = relative(from, join(directory, configFile));
  return path.startsWith("..") ? join(directory, configFile) : path;
}

/** compose.yaml takes the folder from OPENCLAW_DIR. */
const composeFolder = (written: Written): string =>
  isUsual(written) ? "" : `OPENCLAW_DIR=${word(written.directory)} `;

/** A word of a shell's command line. */
const word = (value: string): string =>
  /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
