import type { Config } from "../lib/config/config.ts";
import { isSecret } from "../lib/same-secret.ts";

/** Whether an Authorization header shows `listen.token`, or the one before it; never where the config names none. */
export function isBearer(
  { token, previousToken }: Pick<Config, "token" | "previousToken">,
  authorization = "",
): boolean {
  const presented = /^Bearer (.+)$/i.exec(authorization)?.[1];
  return token !== undefined && isSecret(presented, token, previousToken);
}
