import type { Command } from "commander";
import type { Config } from "../../lib/config/config.ts";
import { secretFilesOf } from "../../lib/config/secrets.ts";
import { type Result, runChecks } from "../../lib/doctor/check.ts";
import { configProblems } from "../../lib/doctor/config.ts";
import { checksOf } from "../../lib/doctor/doctor.ts";
import { layGround } from "../../lib/doctor/ground.ts";
import { renderResults } from "../../lib/doctor/render.ts";
import { withoutSecrets } from "../../lib/doctor/secrets.ts";
import { type CommandContext, ExitCode } from "./context.ts";
import { privateUrl } from "./private-url.ts";

interface Options {
  readonly json?: boolean;
  readonly only?: string[];
  readonly model: boolean;
}

/** Adds `claw doctor`: looks at every connection, each told in one line, with a remedy where it is not well. */
export function register(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .summary("look at every connection, and say how to mend it")
    .description(
      "Looks at config, files, database, the gateway that runs, Matrix, Telegram, models, sources, jobs and the clock, and changes nothing. Run it where the gateway runs, as its user. Each model in use is asked once, which costs some hundred tokens. Exits 1 where something is to be mended.",
    )
    .option("--only <name...>", "these areas or checks alone, such as matrix or telegram.home")
    .option("--no-model", "call no model")
    .option("--json", "as JSON")
    .action(async (options: Options) => {
      const results = await examine(context, options);
      const failed = results.some(({ state }) => state === "fail");
      if (options.json) context.out(JSON.stringify({ ok: !failed, checks: results }, undefined, 2));
      else for (const line of renderResults(results, context.env.colours(process.stdout.isTTY))) context.out(line);
      if (failed) throw new ExitCode(1);
    });
}

async function examine(context: CommandContext, { only, model }: Options): Promise<Result[]> {
  let config: Config;
  try {
    config = await context.loadConfig();
  } catch (thrown) {
    return configProblems(context.configFile(), thrown);
  }
  const ground = layGround(config, privateUrl(config));
  try {
    const secretFiles = secretFilesOf(context.configFile());
    const { contained } = context.env;
    const results = await runChecks(checksOf(ground, { only, models: model, secretFiles, contained }));
    const clean = withoutSecrets(config);
    return results.map((result) => ({
      ...result,
      saw: clean(result.saw),
      ...("remedy" in result && { remedy: clean(result.remedy) }),
    }));
  } finally {
    await ground.close();
  }
}
