import { html } from "hono/html";
import type { AgentDay, DriftAlert } from "../data.ts";
import { code, count, duration, empty, type Markup, money, section, shown, table, when } from "../html.ts";

export interface DriftPage {
  readonly agent: string;
  readonly agents: readonly string[];
  readonly days: readonly AgentDay[];
  readonly alerts: readonly DriftAlert[];
  readonly timezone: string;
}

/** How one agent behaves, day by day, and what was found to have changed in it. */
export function driftView({ agent, agents, days, alerts, timezone }: DriftPage): Markup {
  return html`<nav class="tabs" aria-label="Agents">
      ${agents.map(
        (name) =>
          html`<a href="/ops/drift?agent=${encodeURIComponent(name)}" ${name === agent ? html`aria-current="true"` : ""}
            >${name}</a
          >`,
      )}
    </nav>
    ${section("Alerts", alerts.length === 0 ? empty("Nothing was found to have changed.") : alertList(alerts, timezone))}
    ${section("Day by day", days.length === 0 ? empty("It has not run in these days.") : dayTable(agent, days), "means of a run")}`;
}

/** Alerts as a list, wherever they are shown. */
export const alertList = (alerts: readonly DriftAlert[], timezone: string): Markup =>
  html`<ul class="plain">
    ${alerts.map(
      ({ agent, metric, raisedAt, facts }) =>
        html`<li>
          <a href="/ops/drift?agent=${encodeURIComponent(agent)}">${agent}</a>: ${shown(metric)}
          <span class="hint">${when(raisedAt, timezone)}</span>
          <details>
            <summary>Numbers</summary>
            <p>${code(JSON.stringify(facts))}</p>
          </details>
        </li>`,
    )}
  </ul>`;

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
