/** docs/deploy-systemd.md from its beginning until the gateway has its timers and backups. */
import type { ScriptedRequest } from "../../support/model-server.ts";
import { documented, without } from "./documented.ts";
import { givenSecrets, type SystemdStage } from "./systemd-stage.ts";

/** The page of docs/ that is followed. */
export const page = "deploy-systemd.md";

/** Follows it; the config is given a job, and the tool whose source is `probe`, before the gateway is started. */
export async function installAsDocumented(on: SystemdStage, probe: string): Promise<void> {
  const { machine } = on;
  const [fetched = "", command = ""] = documented(page, "Install");
  await machine.do(without(fetched, "apt-get install", "git clone", "npm ci"));
  await machine.do(command);
  const [init = ""] = documented(page, "Configure");
  await machine.do(`${init.trim()} ${on.answers("system")}`, givenSecrets);
  on.complete("system", probe);
  const [start = ""] = documented(page, "Start");
  await machine.do(start);
  for (const block of [...documented(page, "Timers"), ...documented(page, "Backup")]) await machine.do(block);
}

/** Whether `claw doctor` tries the model, which is to call its tool. */
export const isDoctor = (tools: ScriptedRequest["tools"]): boolean =>
  tools.some((tool) => (tool.function?.name ?? tool.name) === "report_ready");
