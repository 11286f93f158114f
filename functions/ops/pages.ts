/** From a request to a page: what is asked of the ledgers, and which view shows it. */
import type { Context } from "hono";
import { html } from "hono/html";
import { costKeys, costsBy, totalOf } from "../../lib/audit/costs.ts";
import { driftReport } from "../../lib/audit/drift/report.ts";
import { forecast } from "../../lib/audit/forecast.ts";
import { gatewayOpener } from "../../lib/audit/open-run.ts";
import { listRuns } from "../../lib/audit/runs.ts";
import { timelineOf } from "../../lib/audit/timeline.ts";
import type { ConversationDeps } from "../../lib/conversation/deps.ts";
import { findApproval, listApprovals } from "../../lib/ledger/approvals.ts";
import { latestAttempt, latestSlots } from "../../lib/ledger/job-slots.ts";
import { shortId } from "../../lib/ledger/runs.ts";
import { dayOf, startOfDay } from "../../lib/time/wall-clock.ts";
import { type HealthDeps, healthOf } from "../health.ts";
import { agentDays, latestAlerts, latestCheckpoint, openRuns } from "./data.ts";
import { code, type Markup, runLink, state } from "./html.ts";
import { type Page, renderPage } from "./layout.ts";
import { agentsView } from "./views/agents.ts";
import { costSpans, costsView } from "./views/costs.ts";
import { driftView } from "./views/drift.ts";
import { overviewView } from "./views/overview.ts";
import { runView } from "./views/run.ts";
import { filterOf, runsView } from "./views/runs.ts";
import type { Visitor } from "./visitor.ts";

export interface PageDeps {
  readonly deps: Pick<ConversationDeps, "config" | "sql" | "keyring">;
  readonly parts: HealthDeps["parts"];
}

const dayMs = 86_400_000;
const shownQuestions = 50;
const shownOpen = 50;
const shownAlerts = 10;
const runsOnPage = 50;
const driftDays = 60;
/** An alert stays on the overview for so long. */
const alertDays = 14;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function overviewPage({ deps, parts }: PageDeps, visitor: Visitor, query: Query): Promise<Page> {
  const { sql, keyring } = deps;
  const config = deps.config();
  const { timezone } = config;
  const now = new Date();
  const from = startOfDay(dayOf(now, timezone), timezone);
  const [health, approvals, open, slots, today, month, checkpoint, alerts, notice] = await Promise.all([
    healthOf(parts),
    listApprovals(sql, keyring.bodies, { pending: true, limit: shownQuestions }),
    openRuns(sql, shownOpen),
    latestSlots(sql),
    costsBy(sql, { by: "day", from, to: now, timezone }),
    forecast(sql, { timezone, now }),
    latestCheckpoint(sql),
    latestAlerts(sql, new Date(now.getTime() - alertDays * dayMs), shownAlerts),
    noticeOf(deps, query),
  ]);
  const facts = { health, approvals, open, slots, today: totalOf(today).cost, month, checkpoint, alerts };
  return { title: "Overview", view: "/ops", visitor, body: overviewView({ config, visitor, notice, ...facts }) };
}

type Query = Readonly<Record<string, string>>;

/** What became of an act, as the ledger says: an address can claim nothing. */
async function noticeOf({ config, sql, keyring }: PageDeps["deps"], query: Query): Promise<Markup | undefined> {
  const { question, job } = query;
  const asked = question === undefined ? undefined : await findApproval(sql, keyring.bodies, question);
  if (asked)
    return html`${code(asked.tool)} for ${asked.agent}: ${state(asked.state)}
    ${asked.decidedBy === undefined ? "" : html`by ${code(asked.decidedBy)}`}, run ${runLink(asked.runId)}`;
  const attempt = job === undefined || !config().jobs.has(job) ? undefined : await latestAttempt(sql, job);
  return attempt && html`${attempt.job}, attempt ${attempt.attempt}: ${state(attempt.state)}`;
}

export async function runsPage({ deps }: PageDeps, visitor: Visitor, query: Query): Promise<Page> {
  const config = deps.config();
  const filter = filterOf(query, config.timezone);
  const { runs, next } = await listRuns(deps.sql, filter, { after: query["after"], limit: runsOnPage });
  return { title: "Runs", view: "/ops/runs", visitor, body: runsView({ config, query, filter, runs, next }) };
}

/** Undefined: there is no such run. */
export async function runPage({ deps }: PageDeps, visitor: Visitor, id: string): Promise<Page | undefined> {
  const found = uuid.test(id) ? await timelineOf(deps.sql, gatewayOpener(deps.sql, deps.keyring), id) : undefined;
  if (!found) return undefined;
  const body = runView(found, deps.config().timezone);
  return { title: `Run ${shortId(id)}`, view: "/ops/runs", visitor, body };
}

export async function costsPage({ deps }: PageDeps, visitor: Visitor, query: Query): Promise<Page> {
  const { timezone } = deps.config();
  const by = costKeys.find((key) => key === query["by"]) ?? "day";
  const days = costSpans.find((span) => String(span) === query["days"]) ?? 30;
  const now = new Date();
  const from = startOfDay(dayOf(new Date(now.getTime() - (days - 1) * dayMs), timezone), timezone);
  const [rows, month] = await Promise.all([
    costsBy(deps.sql, { by, from, to: now, timezone }),
    forecast(deps.sql, { timezone, now }),
  ]);
  return { title: "Costs", view: "/ops/costs", visitor, charts: true, body: costsView({ by, days, rows, month }) };
}

export async function driftPage({ deps }: PageDeps, visitor: Visitor, query: Query): Promise<Page> {
  const { agents, timezone, drift } = deps.config();
  const names = [...agents.keys()];
  const agent = names.find((name) => name === query["agent"]) ?? names[0] ?? "";
  const from = new Date(Date.now() - driftDays * dayMs);
  const [days, report] = await Promise.all([
    agentDays(deps.sql, { agent, from, timezone }),
    driftReport(deps.sql, agent, { baselineRuns: drift.baseline_runs }),
  ]);
  const body = driftView({ report, agents: names, days, timezone });
  return { title: `Drift of ${agent}`, view: "/ops/drift", visitor, charts: true, body };
}

export function agentsPage({ deps }: PageDeps, visitor: Visitor): Page {
  return { title: "Agents", view: "/ops/agents", visitor, body: agentsView(deps.config()) };
}

/** What is answered where something cannot be shown or done. */
export const problemPage = (title: string, problem: string, visitor?: Visitor): Markup =>
  renderPage({ title, view: undefined, visitor, body: html`<p>${problem}</p>` });

/** A page as it is sent. */
export const sendPage = (context: Context, page: Page): Response | Promise<Response> => context.html(renderPage(page));
