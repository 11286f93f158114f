/** How agents behave, and what was found to have changed in them: lib/audit/drift in a browser. */
import { html } from "hono/html";
import type { Cause } from "../../../lib/audit/drift/causes.ts";
import type { DriftReport, KindReport, MetricReport, MetricSeries } from "../../../lib/audit/drift/report.ts";
import { amount, kindName } from "../../../lib/audit/drift/words.ts";
import type { DriftAlert } from "../../../lib/ledger/drift-alerts.ts";
import type { AgentDay } from "../data.ts";
import { code, count, duration, empty, type Markup, money, runLink, section, state, table, when } from "../html.ts";

export interface DriftPage {
  readonly report: DriftReport;
  readonly agents: readonly string[];
  readonly days: readonly AgentDay[];
  readonly timezone: string;
}

/** One agent: its alerts, each kind of its runs against its baseline, and its days. */
export function driftView({ report: { agent, kinds }, agents, days, timezone }: DriftPage): Markup {
  const alerts = kinds.flatMap((kind) => kind.alerts);
  return html`<nav class="tabs" aria-label="Agents">
      ${agents.map(
        (name) => html`<a href="${pathOf(name)}" ${name === agent ? html`aria-current="true"` : ""}>${name}</a>`,
      )}
    </nav>
    ${section(
      "Alerts",
      alerts.length === 0 ? empty("Nothing was found to have changed.") : alertList(alerts, timezone),
      "of the last 30 days",
    )}
    ${kinds.map((kind) => kindSection(kind, timezone))}
    ${section(
      "Day by day",
      days.length === 0 ? empty("It has not run in these days.") : dayTable(agent, days),
      "means of a run",
    )}`;
}

const pathOf = (agent: string): string => `/ops/drift?agent=${encodeURIComponent(agent)}`;

/** Alerts as a list, wherever they are shown. */
export const alertList = (alerts: readonly DriftAlert[], timezone: string): Markup =>
  html`<ul class="plain">
    ${alerts.map(({ agent, finding }) => {
      const { kind, unit, before, after, since, causes, examples } = finding;
      return html`<li>
        <a href="${pathOf(agent)}">${agent}</a> ${kindName(kind)}: ${subjectOf(finding)}
        <strong>${amount(unit, before)} → ${amount(unit, after)}</strong>
        <span class="hint"
          >since ${when(new Date(since), timezone)}, such as ${examples.map((id) => html`${runLink(id)} `)}</span
        >
        ${causeList(causes, timezone)}
      </li>`;
    })}
  </ul>`;

const subjectOf = ({ title, tool, model }: { title: string; tool?: string; model?: string }): Markup =>
  tool !== undefined
    ? html`runs that use ${code(tool)}`
    : model !== undefined
      ? html`runs served by ${code(model)}`
      : html`${title}`;

const causeList = (causes: readonly Cause[], timezone: string): Markup =>
  causes.length === 0
    ? html``
    : html`<p class="hint">
        Likely cause:
        ${causes.map(
          ({ what, before, after, at }) =>
            html`${what} ${code(before)} → ${code(after)}, ${when(new Date(at), timezone)}. `,
        )}
      </p>`;

const words: Readonly<Record<MetricReport["state"], string>> = {
  learning: "too few runs yet",
  steady: "steady",
  moving: "moving",
  changed: "changed",
};

const kindSection = ({ kind, runs, metrics, causes, series }: KindReport, timezone: string): Markup =>
  section(
    `Runs ${kindName(kind)}`,
    html`${causeList(causes, timezone)}
    ${table(
      `Metrics of runs ${kindName(kind)}`,
      [{ head: "Metric" }, { head: "State" }, { head: "Before", figure: true }, { head: "Now", figure: true }],
      metrics.map((metric) => [
        subjectOf(metric),
        state(words[metric.state]),
        metric.before === null ? undefined : amount(metric.unit, metric.before),
        metric.after === null ? undefined : amount(metric.unit, metric.after),
      ]),
    )}
    ${sparks(series)}`,
    `the last ${runs} runs`,
  );

/** Each metric run by run, for charts.js to draw; hidden where it does not. */
const sparks = (series: readonly MetricSeries[]): Markup =>
  html`<div class="sparks" hidden>
    ${series
      .filter(({ values }) => new Set(values).size > 1)
      .map(
        ({ title, values }) =>
          html`<figure data-values="${JSON.stringify(values.map(rounded))}"><figcaption>${title}</figcaption></figure>`,
      )}
  </div>`;

/** As much as a chart of that size can show. */
const rounded = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(3)));

const dayTable = (agent: string, days: readonly AgentDay[]): Markup =>
  table(
    `${agent} day by day`,
    [
      { head: "Day" },
      ...["Cost", "Runs", "Failed", "Steps", "Tokens", "Took"].map((head) => ({ head, figure: true }) as const),
    ],
    days.map(({ day, cost, runs, failed, steps, tokens, seconds }) => [
      day,
      money(cost),
      count(runs),
      count(failed),
      html`<data value="${steps}">${steps.toFixed(1)}</data>`,
      count(tokens),
      duration(seconds === null ? null : seconds * 1000),
    ]),
    { narrow: "scroll", chart: true },
  );
