/** Who talks to whom, and where: the sections of groups, agents and channels. */
import { type Answers, membersOf, titled } from "./answers.ts";
import { agentTools } from "./config-work.ts";
import { refOf } from "./secrets.ts";
import { lines, list, text } from "./toml.ts";

/** `[groups.owners]`. */
export function groupSection(answers: Answers): string {
  const members = membersOf(answers);
  const unknown = answers.telegramToken !== undefined && answers.telegramUser === undefined;
  return lines(
    "# Groups: who may do what. An agent may call for a person: what its own `tools` list, and a group of the person grants.",
    "[groups.owners]",
    unknown && '# Write to the bot: it tells you your id. Then add it here, as "telegram:123456789".',
    `members = ${list(members)}`,
    "# Agents they may talk to, and tools these may use for them.",
    'agents = ["*"]',
    'tools = ["*"]',
    "# They may approve calls, when they are asked.",
    // Somebody must be there who could.
    members.length > 0 ? "approve = true" : "#approve = true",
  );
}

/** `[agents.NAME]`, with its Matrix user. */
export const agentSection = (answers: Answers): string =>
  lines(
    `[agents.${answers.agent}]`,
    `description = ${text(answers.description)}`,
    'backend = "main"',
    "# Its instructions.",
    `prompt = ${text(promptFile(answers))}`,
    "# All it may ever call, whoever asks: docs/tools.md.",
    `tools = ${list(agentTools(answers))}`,
    answers.telegramToken !== undefined && "telegram = true",
    answers.matrixUser !== undefined &&
      lines(
        "",
        `[agents.${answers.agent}.matrix]`,
        `localpart = ${text(`agent_${answers.agent}`)}`,
        `display_name = ${text(titled(answers.agent))}`,
        "# The only rooms it joins, besides direct chats with people whose group names it.",
        answers.matrixRoom === undefined
          ? `#rooms = ["!abc:${answers.matrixServer ?? ""}"]`
          : `rooms = ${list([answers.matrixRoom])}`,
      ),
  );

/** The agent's instructions, relative to the config. */
export const promptFile = ({ agent }: Answers): string => `prompts/${agent}.md`;

/** `[matrix]`. */
export const matrixSection = (answers: Answers): string | undefined =>
  answers.matrixUser === undefined
    ? undefined
    : lines(
        "[matrix]",
        "# The homeserver's client-server API as the gateway reaches it.",
        `homeserver = ${text(answers.homeserver ?? "")}`,
        "# The part after the colon in Matrix ids.",
        `server_name = ${text(answers.matrixServer ?? "")}`,
        "# Both stand in appservice.yaml too, which the homeserver reads.",
        `as_token = ${refOf(answers, "MATRIX_AS_TOKEN")}`,
        `hs_token = ${refOf(answers, "MATRIX_HS_TOKEN")}`,
        "# Those before them, taken as well while they are rotated; unset, there are none (docs/secrets.md).",
        `previous_as_token = ${refOf(answers, "MATRIX_AS_TOKEN_PREVIOUS")}`,
        `previous_hs_token = ${refOf(answers, "MATRIX_HS_TOKEN_PREVIOUS")}`,
      );

/** Where Telegram pushes to, below the public address. */
export const webhookPath = "/telegram/home";

/** `[telegram.home]`. */
export const telegramSection = (answers: Answers): string | undefined =>
  answers.telegramToken === undefined
    ? undefined
    : lines(
        "# One table a bot; its webhook is /telegram/home on the public listener.",
        "[telegram.home]",
        "# From @BotFather.",
        `token = ${refOf(answers, "TELEGRAM_TOKEN")}`,
        `webhook_secret = ${refOf(answers, "TELEGRAM_WEBHOOK_SECRET")}`,
        "# The one before it, taken as well while it is rotated; unset, there is none.",
        `previous_webhook_secret = ${refOf(answers, "TELEGRAM_WEBHOOK_SECRET_PREVIOUS")}`,
        "# Set at Telegram by `claw telegram set-webhook`.",
        answers.publicUrl === undefined
          ? `#webhook_url = "https://claw.example${webhookPath}"`
          : `webhook_url = ${text(answers.publicUrl + webhookPath)}`,
        "# Who answers until the person picks another by /agent.",
        `agent = ${text(answers.agent)}`,
        answers.telegramApiRoot !== undefined && `api_root = ${text(answers.telegramApiRoot)}`,
      );
