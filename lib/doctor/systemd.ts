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

/** systemctl writes times in the zone it is run in; its --timestamp=unix leaves out those of timers (252). */
const plain = ["TZ=UTC", "LC_ALL=C"];

/** Looks for a unit. Times are in UTC, as `instantOf` reads them. */
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
  const args = ["show", unit, ...names.map((name) => `--property=${name}`)];
  try {
    const command = [...plain, "systemctl", ...(manager === "user" ? ["--user"] : []), ...args];
    const { stdout } = await promisify(execFile)("env", command, { timeout: timeoutMs });
    const pairs = [...stdout.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value] as const);
    return { manager, properties: Object.fromEntries(pairs) };
  } catch {
    return undefined;
  }
}

/** `Mon 2026-11-30 07:00:00 UTC`; undefined: there is no such time. */
export function instantOf(text: string): Date | undefined {
  const [, date, time] = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(text) ?? [];
  return date === undefined ? undefined : new Date(`${date}T${time}Z`);
}
