/** A gateway whose ledgers have something to show: two months of runs, a question that waits, jobs, a checkpoint, an alert. */
import { makeLink } from "../../../lib/ledger/ops-sessions.ts";
import { withApprovals } from "../approvals.ts";
import type { Script } from "../model-server.ts";
import { type Stage, startStage } from "../stage.ts";
import { until } from "../until.ts";
import { writeHistory } from "./history.ts";

/** What no page may run, turn around or leave unseen. */
export const hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e</pre>";

/** Few enough to be looked at. */
const owners = 'members = ["telegram:1001", "telegram:2001", "telegram:2002", "telegram:2003"]';

const jobs = `
[jobs.morning-briefing]
agent = "ops"
schedule = "0 8 * * 1-5"
prompt = "prompt.md"
deliver = ["telegram:1001"]

[jobs.night-check]
agent = "helper"
schedule = "*/30 * * * *"
prompt = "prompt.md"
deliver = ["telegram:1001"]
`;

/** "add TEXT" needs a yes; "alerts" reads the clock and wants a tool that the agent is not granted; "attack" answers with markup. */
const script: Script = ({ messages }) => {
  const last = messages.at(-1);
  const text = typeof last?.content === "string" ? last.content : "";
  const usage = { input: 2_140, output: 186, cached: 1_536 };
  if (last?.role === "tool")
    return messages.some(({ content }) => typeof content === "string" && content.includes("attack"))
      ? { text: hostile, usage }
      : {
          text: "One thing needs you: **DiskAlmostFull** on nas since 05:12, /srv is at 91 %. Backups are well.",
          usage,
        };
  const add = /add (.+)$/s.exec(text)?.[1];
  if (add !== undefined) return { toolCalls: [{ name: "commitments_add", arguments: { text: add } }], usage };
  if (text.includes("alerts"))
    return {
      toolCalls: [
        { name: "time_now", arguments: {} },
        { name: "http_get", arguments: { url: "https://nas.home.example/metrics" } },
      ],
      usage,
    };
  if (text.includes("attack")) return { toolCalls: [{ name: hostile, arguments: hostile }], usage };
  return { text: "All is well.", usage };
};

export interface OpsStage extends Stage {
  readonly url: string;
  /** A session's cookie, as a browser that came by a link has it. */
  login(): Promise<string>;
  /** The runs of what was said: a usual one and a hostile one. */
  readonly runs: { readonly usual: string; readonly hostile: string };
}

/** Starts it and has three things said: something usual, something hostile, and something that needs a yes. */
export async function startOpsStage(): Promise<OpsStage> {
  const stage = await startStage({
    script,
    backend: "price = { input = 2.5, cached = 0.25, output = 10 }",
    config: (toml) => `${withApprovals(toml).replace(/members = \["telegram:1001", .*\]/, owners)}\n${jobs}`,
  });
  const { sql, privateUrl: url } = stage.gateway;
  await writeHistory(sql);
  const runOf = async (text: string): Promise<string> => {
    const from = stage.person();
    await stage.say(from, text);
    const [run] = await until(
      () =>
        sql<
          { id: string }[]
        >`select id from runs where principal = ${`telegram:${from}`} and state in ('done', 'waiting')`,
      (rows) => rows.length === 1,
    );
    return run?.id ?? "";
  };
  const usual = await runOf("Which alerts fire?");
  const attack = await runOf(`an attack: ${hostile}`);
  await runOf("add renew the certificate of nas.home.example by Friday");
  return {
    ...stage,
    url,
    runs: { usual, hostile: attack },
    async login() {
      const response = await fetch(`${url}/ops/login`, {
        method: "POST",
        redirect: "manual",
        headers: { origin: url, "content-type": "application/x-www-form-urlencoded" },
        body: `link=${await makeLink(sql)}`,
      });
      await response.text();
      return (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    },
  };
}
