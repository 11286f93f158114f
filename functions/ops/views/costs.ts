import { html } from "hono/html";
import { type CostKey, costKeys, type CostRow, totalOf } from "../../../lib/audit/costs.ts";
import type { Forecast } from "../../../lib/audit/forecast.ts";
import { count, empty, type Markup, money, moneyText, section, shown, table } from "../html.ts";

/** Spans that can be chosen, in days. */
export const costSpans = [7, 30, 90, 365] as const;

export interface CostsPage {
  readonly by: CostKey;
  readonly days: (typeof costSpans)[number];
  readonly rows: readonly CostRow[];
  readonly month: Forecast;
}

/** What the models cost, by what the reader chose. */
export function costsView({ by, days, rows, month }: CostsPage): Markup {
  const { cost, withoutCost: unpriced } = totalOf(rows);
  const link = (key: CostKey, span: number): string => `/ops/costs?by=${key}&days=${span}`;
  const tab = (here: boolean, href: string, name: string): Markup =>
    html`<a href="${href}" ${here ? html`aria-current="true"` : ""}>${name}</a>`;
  return html`<dl class="figures">
      <div>
        <dt>This month</dt>
        <dd>${money(month.spent)}</dd>
      </div>
      <div>
        <dt>Expected by its end</dt>
        <dd>
          ${money(month.expected)}
          <span class="hint"
            >${month.method === "none" ? "too early for a forecast" : html`four times in five ${moneyText(month.low)} to ${moneyText(month.high)}`}</span
          >
        </dd>
      </div>
      <div>
        <dt>In these ${days} days</dt>
        <dd>${money(cost)}</dd>
      </div>
    </dl>
    <nav class="tabs" aria-label="Grouped by">
      ${costKeys.map((key) => tab(key === by, link(key, days), `by ${key}`))}
    </nav>
    <nav class="tabs" aria-label="Span">
      ${costSpans.map((span) => tab(span === days, link(by, span), `${span} days`))}
    </nav>
    ${section(
      `By ${by}`,
      rows.length === 0 ? empty("No model was called in these days.") : costTable(by, rows),
      "in the currency of the config's prices",
    )}
    ${
      unpriced === 0
        ? ""
        : html`<p class="hint">
            ${unpriced.toLocaleString("en-GB")} calls have no known price or usage, and are in no sum: see price in
            [backends].
          </p>`
    }`;
}

const costTable = (by: CostKey, rows: readonly CostRow[]): Markup =>
  table(
    `Costs by ${by}`,
    [
      { head: by.charAt(0).toUpperCase() + by.slice(1) },
      ...["Cost", "Calls", "Input tokens", "of them cached", "Output tokens", "of them reasoning", "Without price"].map(
        (head) => ({ head, figure: true }) as const,
      ),
    ],
    (by === "day" || by === "month" ? rows.toReversed() : rows).map((row) => [
      row.key === "" ? "in chats" : shown(row.key),
      money(row.cost),
      ...[row.calls, row.inputTokens, row.cachedTokens, row.outputTokens, row.reasoningTokens, row.withoutCost].map(
        (value) => count(value),
      ),
    ]),
    { narrow: "scroll", chart: true },
  );
