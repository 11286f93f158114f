/** Everything that may want the operator's attention now, the most urgent first. */
import { html } from "hono/html";
import type { Config, Job } from "../../../lib/config/config.ts";
import { shownArguments } from "../../../lib/conversation/visible.ts";
import type { Forecast } from "../../../lib/audit/forecast.ts";
import type { RunRow } from "../../../lib/audit/runs.ts";
import { slotName } from "../../../lib/jobs/slot-name.ts";
import type { StoredApproval } from "../../../lib/ledger/approvals.ts";
import type { DriftAlert } from "../../../lib/ledger/drift-alerts.ts";
import type { JobSlot } from "../../../lib/ledger/job-slots.ts";
import { nextSlot } from "../../../lib/time/slots.ts";
import { timetableWords } from "../../../lib/time/timetable-words.ts";
import type { PartHealth } from "../../health.ts";
import type { CheckpointRow } from "../data.ts";
import {
  block,
  code,
  empty,
  facts,
  type Markup,
  money,
  moneyText,
  runLink,
  section,
  shown,
  state,
  table,
  when,
} from "../html.ts";
import { tokenField } from "../layout.ts";
import type { Visitor } from "../visitor.ts";
import { alertList } from "./drift.ts";
import { runTable } from "./runs.ts";

export interface Overview {
  readonly config: Config;
  readonly visitor: Visitor;
  /** What an act that was just done came to. */
  readonly notice: Markup | undefined;
  readonly health: readonly (readonly [name: string, health: PartHealth])[];
  readonly approvals: readonly StoredApproval[];
  readonly open: readonly RunRow[];
  /** The latest attempt at the latest slot of each job. */
  readonly slots: readonly JobSlot[];
  readonly today: number;
  readonly month: Forecast;
  readonly checkpoint: CheckpointRow | undefined;
  readonly alerts: readonly DriftAlert[];
}

export function overviewView(page: Overview): Markup {
  const { config, visitor, notice, approvals, open, alerts } = page;
  const { timezone } = config;
  return html`${notice === undefined ? "" : html`<p class="notice" role="status">${notice}</p>`} ${figures(page)}
    ${
      approvals.length === 0
        ? ""
        : section("Waiting for a yes", html`${approvals.map((question) => questionView(question, visitor, timezone))}`)
    }
    ${alerts.length === 0 ? "" : section("Agents that changed", alertList(alerts, timezone))}
    ${section("Running now", open.length === 0 ? empty("Nothing runs.") : runTable("Running now", open, timezone))}
    ${section("Jobs", config.jobs.size === 0 ? empty("The config has no jobs.") : jobTable(page))}
    <div class="columns">
      ${section("Health", healthList(page.health))} ${section("Audit trail", checkpointView(page.checkpoint, timezone))}
    </div>`;
}

function figures({ health, approvals, open, today, month }: Overview): Markup {
  const ill = health.filter(([, { ok }]) => !ok).length;
  const pairs: [string, Markup | string | number, string?][] = [
    ["Health", ill === 0 ? "All well" : `${ill} not well`],
    ["Running now", open.length],
    ["Waiting for a yes", approvals.length],
    ["Spent today", money(today)],
    ["Spent this month", money(month.spent), expectation(month)],
  ];
  return html`<dl class="figures">
    ${pairs.map(
      ([name, value, hint]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}${hint === undefined ? "" : html` <span class="hint">${hint}</span>`}</dd>
        </div>`,
    )}
  </dl>`;
}

/** Such as `41.20 expected, 38 to 45`. */
const expectation = ({ expected, low, high, method }: Forecast): string =>
  method === "none"
    ? "too early for a forecast"
    : `${moneyText(expected)} expected, ${moneyText(low)} to ${moneyText(high)}`;

function questionView(question: StoredApproval, visitor: Visitor, timezone: string): Markup {
  const { code: key, agent, tool, principal, rule, runId, shown: call, expiresAt } = question;
  return html`<article class="question">
    <h3>${agent} wants to call ${code(tool)}</h3>
    ${facts([
      ["Asked by", code(principal)],
      ["Needs a yes by", shown(rule)],
      ["Until", when(expiresAt, timezone)],
      ["Run", runLink(runId)],
      ["That is", call?.foreseen === undefined ? undefined : shown(call.foreseen)],
    ])}
    ${
      call
        ? block("Arguments", shownArguments(call.input))
        : html`<p class="problem">Its arguments cannot be opened: the row is damaged.</p>`
    }
    <form class="acts" method="post" action="/ops/approvals/${key}">
      ${tokenField(visitor)}
      <button name="answer" value="approve" aria-label="Approve ${tool} for ${agent}, question ${key}">Approve</button>
      <button class="quiet" name="answer" value="deny" aria-label="Deny ${tool} for ${agent}, question ${key}">
        Deny
      </button>
    </form>
  </article>`;
}

function jobTable({ config, slots, visitor }: Overview): Markup {
  const last = new Map(slots.map((slot) => [slot.job, slot]));
  const now = new Date();
  return table(
    "Jobs",
    ["Job", "When", "Last", "State", "Next", ""].map((head) => ({ head })),
    [...config.jobs.values()].map((job) => {
      const slot = last.get(job.name);
      const next = nextSlot(job, now);
      return [
        job.name,
        timetableWords(job),
        slot &&
          html`${slotName(job, slot.slot).replace("T", " ")}
          ${slot.runId === undefined || slot.state === "missed" ? "" : runLink(slot.runId)}`,
        slot &&
          html`${state(slot.state)}
          ${slot.reason === undefined ? "" : html`<span class="hint">${shown(slot.reason)}</span>`}`,
        next && slotName(job, next).replace("T", " "),
        again(job, visitor),
      ];
    }),
  );
}

/** Opened first: one tap too many must not send everybody their briefing anew. */
const again = (job: Job, visitor: Visitor): Markup =>
  html`<details class="again">
    <summary aria-label="Run ${job.name} again">Run again</summary>
    <form method="post" action="/ops/jobs/${encodeURIComponent(job.name)}">
      ${tokenField(visitor)}<button>Run the due slot once more</button>
    </form>
  </details>`;

const healthList = (health: Overview["health"]): Markup =>
  html`<ul class="plain health">
    ${health.map(
      ([name, { ok, reason }]) =>
        html`<li>
          <span class="state ${ok ? "good" : "bad"}">${name}</span> <span class="hint">${shown(reason)}</span>
        </li>`,
    )}
  </ul>`;

const checkpointView = (checkpoint: CheckpointRow | undefined, timezone: string): Markup =>
  checkpoint
    ? facts([
        ["Last checkpoint", `number ${checkpoint.number}`],
        ["Signed", when(checkpoint.at, timezone)],
        ["Runs in it", checkpoint.runs],
      ])
    : empty("No checkpoint was signed yet.");
