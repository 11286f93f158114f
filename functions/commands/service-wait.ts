/** `claw service wait`: what a unit calls started. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../../lib/config/config.ts";
import { ClawError } from "../../lib/errors.ts";
import { type CommandContext, ExitCode } from "./context.ts";
import { privateUrl } from "./private-url.ts";

const everyMs = 200;
/** So long after a config that is invalid the gateway has said so itself, and ended. */
const endsWithinMs = 5_000;

/** Waits until the gateway answers on its private listener; throws ExitCode 1 once process `pid` has ended. */
export async function waitForGateway(context: CommandContext, pid: number): Promise<void> {
  if (!Number.isInteger(pid) || pid <= 0) throw new ClawError("bad_request", "--pid: give the gateway's process id");
  const url = `${privateUrl(await configOr(context, pid))}/healthz`;
  while (isAlive(pid)) {
    const answers = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answers) return;
    await sleep(everyMs);
  }
  throw new ExitCode(1);
}

/** What is wrong with a config is told once, by the gateway. */
async function configOr(context: CommandContext, pid: number): Promise<Config> {
  try {
    return await context.loadConfig("skip");
  } catch (thrown) {
    for (let waited = 0; isAlive(pid); waited += everyMs) {
      if (waited > endsWithinMs) throw thrown;
      await sleep(everyMs);
    }
    throw new ExitCode(1);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}
