import type { DeploymentName } from "./answers.ts";

/** What every reader of such files takes as it stands. */
const bare = /^[A-Za-z0-9_./:+=@%,-]+$/;

/** `NAME=value`, as Node, systemd and a shell read it; compose takes values as they stand. */
export const envLine = (name: string, value: string, deployment: DeploymentName): string =>
  `${name}=${bare.test(value) || deployment === "compose" ? value : `'${value}'`}`;

/** Why a secret cannot stand in an env_file; undefined where it can. */
export function envProblem(value: string, deployment: DeploymentName): string | undefined {
  if (bare.test(value)) return undefined;
  // docker-compose, podman-compose and `docker compose` read quotes, spaces, "$" and "#" each in its own way.
  if (deployment === "compose" && /[^\x21-\x7e]|["'`\\#$]/.test(value))
    return "holds a space, a letter beyond ASCII or one of \" ' ` \\ # $, which compose and podman read differently: make one without these";
  return value.includes("'") ? "holds a ', which no env_file keeps: make one without" : undefined;
}
