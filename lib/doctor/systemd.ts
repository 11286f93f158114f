/** What systemd says of a unit, in the user's manager or the system's. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Properties by their names; the manager whose they are. */
export interface UnitState {
  readonly manager: "user" | "system";
  readonly properties: Readonly<Record<string, string>>;
}

/** `absent`: no manager that answers knows the unit. `unseen`: none answers, as in a container. */
export type UnitLook = UnitState | "absent" | "unseen";

const timeoutMs = 5_000;

/** Looks for a unit. Times are given as `@SECONDS` since 1970. */
export async function findUnit(unit: string, properties: readonly string[]): Promise<UnitLook> {
  const looks = await Promise.all((["user", "system"] as const).map((manager) => ask(manager, unit, properties)));
  const states = looks.filter((look) => look !== undefined);
  if (states.length === 0) return "unseen";
  const loaded = states.filter(({ properties: { LoadState } }) => LoadState === "loaded");
  return loaded.find(({ properties: { ActiveState } }) => ActiveState === "active") ?? loaded[0] ?? "absent";
}

/** Undefined: there is no systemctl, or its manager does not answer. */
async function ask(
  manager: UnitState["manager"],
  unit: string,
  wanted: readonly string[],
): Promise<UnitState | undefined> {
  const names = ["LoadState", "ActiveState", ...wanted];
  const args = ["show", unit, "--timestamp=unix", ...names.map((name) => `--property=${name}`)];
  try {
    const { stdout } = await promisify(execFile)("systemctl", manager === "user" ? ["--user", ...args] : args, {
      timeout: timeoutMs,
    });
    const pairs = [...stdout.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value] as const);
    return { manager, properties: Object.fromEntries(pairs) };
  } catch {
    return undefined;
  }
}
