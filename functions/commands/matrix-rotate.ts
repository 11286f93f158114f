/** `claw matrix register --rotate`: fresh tokens, beside which the old ones are taken for a while. */
import type { Config } from "../../lib/config/config.ts";
import { draftOf } from "../../lib/config/draft.ts";
import { setInEnvFile } from "../../lib/config/env-file.ts";
import { readToml } from "../../lib/config/toml.ts";
import { ClawError, messageOf } from "../../lib/errors.ts";
import { makeRegistration, registrationYaml } from "../../lib/matrix/registration.ts";
import { refuseSecretFile, writeSecretFile } from "../../lib/secret-file.ts";
import type { CommandContext } from "./context.ts";
import { defaultOut, type RegisterOptions, settingsFor, urlAt } from "./matrix-register.ts";

const keys = ["as_token", "hs_token", "previous_as_token", "previous_hs_token"] as const;

/** The env_file first: until the gateway and the homeserver are restarted, both have what they had. */
export async function rotateTokens(context: CommandContext, options: RegisterOptions): Promise<void> {
  const { env } = options;
  if (env === undefined || options.keepTokens || options.serverName !== undefined || options.printTokens)
    throw new ClawError(
      "bad_request",
      "--rotate wants the env_file by --env, and neither --keep-tokens, --server-name nor --print-tokens",
    );
  const { matrix } = await context.loadConfig("matrix");
  if (!matrix) throw new ClawError("config_invalid", `${context.configFile()} has no [matrix]`);
  const [asToken, hsToken, previousAs, previousHs] = variablesOf(context.configFile());
  if (matrix.previousAsToken || matrix.previousHsToken)
    throw new ClawError(
      "bad_request",
      `a rotation is under way: ${previousAs} or ${previousHs} has a value. End that one first, by emptying both`,
    );
  const settings = await settingsFor(context, options);
  const out = options.out ?? defaultOut(context.configFile());
  const before = urlAt(out);
  const replace = options.force === true || before !== undefined;
  refuseSecretFile(out, replace);
  const made = await makeRegistration({ ...settings, url: options.url ?? before ?? settings.url });
  setInEnvFile(env, {
    ...{ [asToken]: made.as_token, [hsToken]: made.hs_token },
    ...{ [previousAs]: matrix.asToken.reveal(), [previousHs]: matrix.hsToken.reveal() },
  });
  const mode = options.groupReadable ? 0o640 : 0o600;
  const file = written(env, () => writeSecretFile(out, registrationYaml(made), replace, mode));
  context.out(`tokens: ${env} (${[asToken, hsToken, previousAs, previousHs].join(", ")})`);
  context.out(`registration: ${file} (0${mode.toString(8)}; url ${made.url})`);
  context.out("");
  context.out("Next, in this order:");
  context.out("  1. Restart every gateway: it takes both tokens then.");
  context.out("  2. Give the homeserver that registration, where it reads a copy, and restart it.");
  context.out('  3. When /readyz says "the homeserver knows us and reaches us": empty');
  context.out(`     ${previousAs} and ${previousHs}, and restart every gateway.`);
}

/** Past the env_file there is no way back: what is left to do is said. */
function written(env: string, write: () => string): string {
  try {
    return write();
  } catch (cause) {
    throw new ClawError(
      "environment",
      `${messageOf(cause)}. ${env} has the new tokens already: mend that, and write the registration by \`claw matrix register --keep-tokens\``,
      { cause },
    );
  }
}

/** The variables of the four keys. Throws ClawError where one is no variable's. */
function variablesOf(file: Config["file"]): [string, string, string, string] {
  const draft = draftOf(readToml(file)).matrix;
  const [first = "", second = "", third = "", fourth = ""] = keys.map((key) => {
    const ref = draft?.[key];
    if (ref && "env" in ref) return ref.env;
    const usual = `MATRIX_${key.replace(/^previous_(.*)$/, "$1_previous").toUpperCase()}`;
    throw new ClawError(
      "config_invalid",
      `--rotate changes variables, and matrix.${key} names none: write ${key} = { env = "${usual}" } in ${file}, or rotate by hand (docs/secrets.md)`,
    );
  });
  return [first, second, third, fourth];
}
