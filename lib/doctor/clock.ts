/** The clock: TLS, webhooks and the slots of jobs go by it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { exchange } from "../http/exchange.ts";
import { age, type Check, fail, type Finding, ok, skipped, warn } from "./check.ts";
import type { Ground } from "./ground.ts";

/** A clock elsewhere, and how far it is before ours, in seconds. */
interface Seen {
  readonly whose: string;
  readonly ahead: number;
}

/** Dates of HTTP are whole seconds, and answers take a moment. */
const tolerated = 30;

export const clockChecks = (ground: Ground): Check[] => [
  { name: "clock", look: (signal) => compare(ground, signal) },
  { name: "clock.synchronized", look: lookAtSync },
];

async function compare({ config, database }: Ground, signal: AbortSignal): Promise<Finding> {
  const servers = new Map<string, string>();
  if (config.matrix) servers.set(`${config.matrix.homeserver}/_matrix/client/versions`, "the homeserver's");
  for (const { api_root } of config.telegram.values()) servers.set(api_root, "Telegram's");
  for (const { name, base_url } of config.backends.values())
    servers.set(`${base_url}/models`, `the model server ${name}'s`);
  const looks = [
    ...[...servers].map(([url, whose]) => clockOf(url, whose, signal)),
    database.lean(signal).then(async (sql): Promise<Seen> => {
      const before = Date.now();
      const [row] = await sql<{ now: number }[]>`select extract(epoch from clock_timestamp())::float8 as now`;
      return { whose: "the database's", ahead: (row?.now ?? 0) - (before + Date.now()) / 2000 };
    }),
  ];
  const seen = (await Promise.allSettled(looks)).flatMap((look) =>
    look.status === "fulfilled" && look.value ? [look.value] : [],
  );
  if (seen.length === 0) return skipped("there is no other clock to compare with");
  const off = seen.filter(({ ahead }) => Math.abs(ahead) > tolerated);
  if (off.length === 0) return ok(`this machine's agrees with ${seen.map(({ whose }) => whose).join(", ")}`);
  const told = off
    .map(({ whose, ahead }) => `${whose} is ${age(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}`)
    .join(", ");
  // One that stands against several others is the one that is wrong.
  return off.length === seen.length && seen.length > 1
    ? fail(`${told}: this machine's clock is wrong`, "set it by NTP: timedatectl set-ntp true")
    : warn(told, "set that clock, or this one, by NTP: timedatectl set-ntp true on its machine");
}

/** Of whatever answer: undefined where it has no date. */
async function clockOf(url: string, whose: string, signal: AbortSignal): Promise<Seen | undefined> {
  const before = Date.now();
  const { headers } = await exchange(url, { method: "GET", signal, timeoutMs: 8_000 }, 4 * 1024 * 1024);
  const date = Date.parse(headers.date ?? "");
  return Number.isNaN(date) ? undefined : { whose, ahead: (date + 500 - (before + Date.now()) / 2) / 1000 };
}

async function lookAtSync(): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)("timedatectl", ["show", "--property=NTPSynchronized", "--value"], {
      timeout: 5_000,
    });
    return stdout.trim() === "yes"
      ? ok("by NTP")
      : warn("it is not synchronized", "timedatectl set-ntp true; see timedatectl timesync-status");
  } catch {
    return skipped("whether it is synchronized is not seen from here (no timedatectl)");
  }
}
