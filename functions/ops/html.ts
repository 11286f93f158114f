/** The small parts that pages are made of. Whatever was written by others goes through `shown`; hono/html escapes the rest. */
import { html } from "hono/html";
import { visible } from "../../lib/conversation/visible.ts";
import { shortId } from "../../lib/ledger/runs.ts";
import { shortTime } from "../../lib/time/names.ts";
import { minuteOf, timeOf } from "../../lib/time/wall-clock.ts";

/** A piece of a page, escaped. */
export type Markup = ReturnType<typeof html>;

/** What a cell or a value may be; undefined is shown as a dash. */
export type Content = Markup | string | number | undefined;

/** Text by others, line by line, with what cannot be seen made visible. */
export const shown = (text: string): string => text.split("\n").map(visible).join("\n");

const dash = html`<span class="none" aria-label="none">–</span>`;

const orDash = (content: Content): Markup => (content === undefined || content === "" ? dash : html`${content}`);

/** An instant in the config's time zone, to the minute; hovered over, whole. */
export const when = (at: Date | undefined | null, timezone: string): Markup =>
  at
    ? html`<time datetime="${at.toISOString()}" title="${minuteOf(at, timezone)} ${timezone}"
        >${shortTime(at, timezone)}</time
      >`
    : dash;

/** The same to the second, without its day. */
export const exactTime = (at: Date, timezone: string): Markup =>
  html`<time class="hint" datetime="${at.toISOString()}"
    >${timeOf(at, timezone)}:${String(at.getUTCSeconds()).padStart(2, "0")}</time
  >`;

const tones = {
  good: ["done", "ok", "allow", "approved", "sent", "quiet", "steady"],
  busy: ["running", "new", "delivering", "pending", "sending"],
  wait: ["waiting", "ask", "missed", "unknown", "cancelled", "expired", "moving"],
  bad: ["failed", "deny", "denied", "error", "changed"],
};

/** How well a state is, as a class of the style sheet. */
export const toneOf = (word: string): string =>
  Object.entries(tones).find(([, words]) => words.includes(word))?.[0] ?? "plain";

/** A state as a word with a mark whose colour only repeats it. */
export const state = (word: string): Markup => html`<span class="state ${toneOf(word)}">${word}</span>`;

/** In the currency of the config's prices. */
export const money = (amount: number | null | undefined): Markup =>
  amount === null || amount === undefined ? dash : html`<data value="${amount}">${moneyText(amount)}</data>`;

/** Two digits, or as many as a small amount needs to be seen. */
export function moneyText(amount: number): string {
  const digits = amount === 0 || Math.abs(amount) >= 1 ? 2 : Math.abs(amount) >= 0.01 ? 3 : 5;
  return amount.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A whole number, grouped by thousands. */
export const count = (value: number | null | undefined): Markup =>
  value === null || value === undefined
    ? dash
    : html`<data value="${value}">${Math.round(value).toLocaleString("en-GB")}</data>`;

/** A length of time, as `820 ms`, `4.2 s`, `3 min 20 s`. */
export function duration(milliseconds: number | null | undefined): Markup {
  if (milliseconds === null || milliseconds === undefined) return dash;
  const seconds = milliseconds / 1000;
  if (seconds < 1) return html`${Math.round(milliseconds)} ms`;
  if (seconds < 60) return html`${seconds.toFixed(1)} s`;
  if (seconds < 3600) return html`${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return html`${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export const code = (text: string): Markup => html`<code>${shown(text)}</code>`;

/** A run by its short id, which leads to it. */
export const runLink = (id: string): Markup =>
  html`<a class="id" href="/ops/runs/${encodeURIComponent(id)}">${shortId(id)}</a>`;

/** Long text in a box of its own, closed where it is more than a few lines. */
export function block(label: string, text: string): Markup {
  const body = html`<pre tabindex="0" aria-label="${label}">${shown(text)}</pre>`;
  const long = text.length > 600 || text.split("\n").length > 8;
  return long
    ? html`<details class="block">
        <summary>${label} <span class="hint">${text.length.toLocaleString("en-GB")} characters</span></summary>
        ${body}
      </details>`
    : html`<div class="block">
        <p class="label">${label}</p>
        ${body}
      </div>`;
}

const longFrom = 24;

/** Long words get a line of their own. */
const lengthOf = (value: Content): string => (typeof value === "string" && value.length >= longFrom ? "long" : "");

/** Pairs of a name and a value; those without a value are left out. */
export const facts = (pairs: readonly (readonly [string, Content])[]): Markup =>
  html`<dl class="facts">
    ${pairs
      .filter(([, value]) => value !== undefined && value !== "")
      .map(
        ([name, value]) =>
          html`<div class="${lengthOf(value)}">
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
  </dl>`;

export interface TableColumn {
  readonly head: string;
  /** Figures stand to the right. */
  readonly figure?: true;
}

/**
 * A table. On a narrow screen `cards` shows each row as a card, with each cell's head beside it; `scroll` scrolls inside
 * its own frame. `chart`: charts.js draws the second column over the first. The roles are said outright, since some browsers drop them with `display: block`.
 */
export function table(
  caption: string,
  columns: readonly TableColumn[],
  rows: readonly (readonly Content[])[],
  options: { readonly narrow?: "cards" | "scroll"; readonly chart?: boolean } = {},
): Markup {
  const { narrow = "cards", chart = false } = options;
  const kind = (column: TableColumn | undefined): string => (column?.figure ? "figure" : "");
  const whole = html`<table class="${narrow}" role="table" ${chart ? html`data-chart` : ""}>
    <caption class="unseen">
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map((column) => html`<th role="columnheader" scope="col" class="${kind(column)}">${column.head}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (row) =>
          html`<tr role="row">
            ${row.map(
              (cell, at) =>
                html`<td role="cell" class="${kind(columns[at])}" data-head="${columns[at]?.head ?? ""}">
                  ${orDash(cell)}
                </td>`,
            )}
          </tr>`,
      )}
    </tbody>
  </table>`;
  return narrow === "scroll"
    ? html`<div class="frame" role="region" aria-label="${caption}" tabindex="0">${whole}</div>`
    : whole;
}

/** A part of a page under a heading. */
export const section = (heading: string, body: Markup, note: Content = undefined): Markup =>
  html`<section>
    <h2>${heading}${note === undefined ? "" : html` <span class="hint">${note}</span>`}</h2>
    ${body}
  </section>`;

export const empty = (text: string): Markup => html`<p class="empty">${text}</p>`;
