/** The doctor in this process, with a config of the test's own. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Environment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import type { Config } from "../../../lib/config/config.ts";
import { type Result, runChecks } from "../../../lib/doctor/check.ts";
import { checksOf } from "../../../lib/doctor/doctor.ts";
import { layGround } from "../../../lib/doctor/ground.ts";
import { builtinToolFacts } from "../../../lib/tools/builtin.ts";
import { testEnvironment } from "../../support/gateway.ts";
import { telegramConfig } from "../../support/telegram-config.ts";

/** Nothing listens there. */
export const nowhere = "http://127.0.0.1:9";

/** Further settings: keys of the top, of [backends.main], of [telegram.main], and whole tables. */
export interface Settings {
  readonly modelUrl?: string;
  readonly botApiUrl?: string;
  readonly top?: string;
  readonly backend?: string;
  readonly agent?: string;
  readonly more?: string;
  readonly edit?: (toml: string) => string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A folder with a config in it. */
export function configIn(folder: string, settings: Settings = {}): Config {
  const { modelUrl = nowhere, botApiUrl = nowhere, more = "", edit = String, environment = {}, ...rest } = settings;
  const file = join(folder, "openclaw.toml");
  writeFileSync(join(folder, "prompt.md"), "You help with the homelab.\n");
  writeFileSync(file, edit(`${telegramConfig({ modelUrl, botApiUrl, ...rest })}\n${more}`));
  const env = new Environment({ ...testEnvironment, ...environment });
  return loadConfig(file, { env, tools: builtinToolFacts() });
}

/** What the doctor finds. `privateUrl`: where the gateway is said to be; left out, nowhere. */
export async function examine(settings: Settings, only: readonly string[], privateUrl = nowhere): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), "openclaw-doctor-"));
  const ground = layGround(configIn(folder, settings), privateUrl);
  try {
    return await runChecks(checksOf(ground, { only, models: true, secretFiles: [] }));
  } finally {
    await ground.close();
    rmSync(folder, { recursive: true });
  }
}

/** The one line of a check: its state, what was seen, and how to mend it. */
export function lineOf(results: readonly Result[], name: string): string {
  const found = results.filter((result) => result.name === name);
  assert.equal(found.length, 1, `${name}: ${JSON.stringify(results)}`);
  const [result] = found;
  return result ? `${result.state}: ${result.saw}${"remedy" in result ? ` -> ${result.remedy}` : ""}` : "";
}
