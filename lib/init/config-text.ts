/** openclaw.toml of a house, section by section, commented as openclaw.example.toml is. */
import { type Answers, membersOf } from "./answers.ts";
import { agentSection, groupSection, matrixSection, telegramSection } from "./config-people.ts";
import { jobSections, toolSections } from "./config-work.ts";
import { deployments } from "./deployments.ts";
import { refOf } from "./secrets.ts";
import { lines, text } from "./toml.ts";

/** The whole file. */
export const configText = (answers: Answers): string =>
  [
    general(answers),
    listeners(answers),
    database(answers),
    audit(answers),
    backend(answers),
    groupSection(answers),
    agentSection(answers),
    matrixSection(answers),
    telegramSection(answers),
    ...toolSections(answers),
    ...jobSections(answers),
  ]
    .filter((section) => section !== undefined)
    .join("\n\n") + "\n";

const general = (answers: Answers): string =>
  lines(
    "# OpenClaw's config, made by `claw init`. All keys with their meaning: openclaw.example.toml, docs/configuration.md.",
    "#",
    "# Unknown keys are errors. What is not granted here is denied, whatever a message or a prompt says.",
    '# A line that begins with "#" and no space is an option that is off.',
    answers.credentials
      ? "# Secrets never stand in this file: each is a file in credentials/, which systemd hands to the service."
      : "# Secrets never stand in this file: they are in .env beside it.",
    `# After a change: \`claw check\`, then ${deployments[answers.deployment].reload}.`,
    "",
    `timezone = ${text(answers.timezone)}`,
    "",
    '# Who fires jobs: "external" timers (`claw timers systemd` writes them), or "internal", the gateway\'s own clock.',
    `scheduler = ${text(answers.scheduler)}`,
    "",
    "# Who is told of trouble: a person, a Matrix room an agent is in, or a Telegram chat.",
    operator(answers),
    "",
    "# What everything people and agents say is sealed with in the database. Keep a copy elsewhere: nothing opens without it.",
    `key = ${refOf(answers, "OPENCLAW_KEY")}`,
    "",
    usesEmbedded(answers)
      ? "# The embedded database's place, relative to this file."
      : "# Where the signatures of the audit trail are written.",
    `data_dir = ${text(deployments[answers.deployment].dataDir)}`,
  );

function operator(answers: Answers): string {
  const [person] = membersOf(answers);
  if (answers.matrixRoom !== undefined) return `operator = ${text(`matrix:${answers.matrixRoom}`)}`;
  return person === undefined ? '#operator = "telegram:123456789"' : `operator = ${text(person)}`;
}

const usesEmbedded = ({ deployment, databaseUrl }: Answers): boolean =>
  deployment !== "compose" && databaseUrl === undefined;

const listeners = (answers: Answers): string =>
  lines(
    "[listen]",
    "# Telegram webhooks and Matrix pushes, nothing else. Put your reverse proxy in front of it.",
    `public = ${text(answers.listenPublic)}`,
    answers.deployment === "compose"
      ? "# Jobs, health, metrics and the ops page, inside of the container. compose.yaml publishes it on 127.0.0.1 alone."
      : "# Jobs, health, metrics and the ops page. Never publish this one.",
    `private = ${text(answers.listenPrivate)}`,
    "# What whoever asks for a job shows, as a bearer token.",
    `token = ${refOf(answers, "OPENCLAW_TOKEN")}`,
    "# The one before it, taken as well while it is rotated; unset, there is none.",
    `previous_token = ${refOf(answers, "OPENCLAW_TOKEN_PREVIOUS")}`,
  );

function database(answers: Answers): string | undefined {
  if (usesEmbedded(answers)) return undefined;
  return lines(
    "[database]",
    `url = ${refOf(answers, "DATABASE_URL")}`,
    answers.deployment === "compose" &&
      "# Who owns the tables and brings them up to date: another user than the one above.",
    answers.deployment === "compose" && `owner_url = ${refOf(answers, "DATABASE_OWNER_URL")}`,
  );
}

const audit = ({ recipient }: Answers): string | undefined =>
  recipient === undefined
    ? undefined
    : lines(
        "[audit]",
        "# Your age recipient: its identity, kept elsewhere, opens every run, also when this gateway cannot any more.",
        `recipient = ${text(recipient)}`,
      );

function backend(answers: Answers): string {
  const [input, output] = answers.price?.split("/") ?? [];
  return lines(
    "# Any OpenAI-compatible endpoint.",
    "[backends.main]",
    `base_url = ${text(answers.llmUrl)}`,
    answers.llmKey !== undefined && `api_key = ${refOf(answers, "LLM_API_KEY")}`,
    `model = ${text(answers.model)}`,
    "# Whether the model takes images.",
    `images = ${answers.images === "yes"}`,
    "# Per million tokens; left out, cost is what the provider reports, else its list price, else unknown.",
    answers.price === undefined
      ? "#price = { input = 0.25, output = 2.0 }"
      : `price = { input = ${Number(input)}, output = ${Number(output)} }`,
  );
}
