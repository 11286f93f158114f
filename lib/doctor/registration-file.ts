/** The registration that lies beside the config: whether it says what the config says. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config, MatrixConfig } from "../config/config.ts";
import { isSecret } from "../same-secret.ts";
import { fail, type Finding, ok, skipped } from "./check.ts";

/** Where `claw init` puts it. */
const fileName = "appservice.yaml";

export async function lookAtRegistration(config: Config, matrix: MatrixConfig): Promise<Finding> {
  const file = join(dirname(config.file), fileName);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    return skipped(
      code === "ENOENT" ? `no ${fileName} lies beside the config` : `${file} may not be read (${code ?? "?"})`,
    );
  }
  const wrong = [
    ...(isSecret(valueOf(text, "as_token"), matrix.asToken) ? [] : ["as_token"]),
    ...(isSecret(valueOf(text, "hs_token"), matrix.hsToken) ? [] : ["hs_token"]),
    ...(valueOf(text, "sender_localpart") === matrix.sender_localpart ? [] : ["sender_localpart"]),
  ];
  if (wrong.length === 0) return ok(`${fileName} has the config's tokens`);
  return fail(
    `${fileName} has another ${wrong.join(" and ")} than the config`,
    "the homeserver goes by its copy of the file: make the config's the same, or copy the new file there and restart it",
  );
}

/** A scalar at the top of a YAML file, as registrations are written: plain or quoted. */
function valueOf(text: string, key: string): string | undefined {
  const scalar = new RegExp(`^${key}:[ \\t]*(.+?)[ \\t]*$`, "m").exec(text)?.[1];
  const [, double, single, plain] = /^(?:"(.*)"|'(.*)'|([^#]+?))(?:\s+#.*)?$/.exec(scalar ?? "") ?? [];
  return double ?? single ?? plain;
}
