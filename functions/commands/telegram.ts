import type { Command } from "commander";
import type { Config, TelegramBot } from "../../lib/config/config.ts";
import { ClawError } from "../../lib/errors.ts";
import { describeBot, setWebhook } from "../../lib/telegram/setup.ts";
import type { CommandContext } from "./context.ts";

/** Adds `claw telegram set-webhook` and `claw telegram info`. */
export function register(program: Command, context: CommandContext): void {
  const telegram = program
    .command("telegram")
    .summary("set up and inspect the Telegram bots")
    .description("The bots of [telegram.*]. Without a name, all of them.");

  telegram
    .command("set-webhook")
    .argument("[bot]", "a name from [telegram.<name>]")
    .description("Tells Telegram to push to webhook_url with the webhook secret, and sets the bot's menu of commands.")
    .action(async (name?: string) => {
      for (const bot of botsOf(await context.loadConfig(), name)) {
        const url = await setWebhook(bot);
        context.out(`telegram.${bot.name}: Telegram now pushes to ${url}`);
        if (!url.endsWith(`/telegram/${bot.name}`))
          context.note(
            `the gateway listens for this bot at /telegram/${bot.name}: webhook_url must lead there, by its path or a proxy`,
          );
      }
    });

  telegram
    .command("info")
    .argument("[bot]", "a name from [telegram.<name>]")
    .description("Prints what Telegram knows of a bot: its name, privacy mode, webhook, waiting updates, last error.")
    .action(async (name?: string) => {
      for (const bot of botsOf(await context.loadConfig(), name))
        for (const line of await describeBot(bot)) context.out(line);
    });
}

function botsOf(config: Config, name?: string): TelegramBot[] {
  const names = [...config.telegram.keys()];
  if (names.length === 0) throw new ClawError("config_invalid", `${config.file} has no [telegram.<name>] section`);
  if (name === undefined) return [...config.telegram.values()];
  const bot = config.telegram.get(name);
  if (!bot)
    throw new ClawError("config_invalid", `there is no telegram.${name}; ${config.file} has ${names.join(", ")}`);
  return [bot];
}
