import { html } from "hono/html";
import type { Timeline } from "../../../lib/audit/timeline.ts";
import {
  code,
  type Content,
  count,
  duration,
  facts,
  type Markup,
  money,
  runLink,
  section,
  shown,
  state,
  table,
  when,
} from "../html.ts";
import { entryView } from "./entry.ts";
import { runTable } from "./runs.ts";

/** Rows that are shown; no browser is served a journal of any length. */
const mostRows = 500;

/** One run: what it was, all that it did, what was sent, what it asked of others. */
export function runView(timeline: Timeline, timezone: string): Markup {
  const { run, access, rows, parent, children, approvals, deliveries } = timeline;
  const { taint, seconds } = run;
  const pending = approvals.filter((question) => question.state === "pending");
  return html`${section(
    "What it was",
    facts([
      ["State", html`${state(run.state)}${run.error === null ? "" : html` <span class="hint">${run.error}</span>`}`],
      ["Agent", run.agent],
      ["For", code(run.principal)],
      ["Begun by", run.job === null ? run.trigger : `job ${run.job}`],
      ["Began", when(run.startedAt, timezone)],
      ["Took", seconds === null ? undefined : duration(seconds * 1000)],
      ["Cost", money(run.cost)],
      ["Steps", count(run.steps)],
      ["Tokens", tokens(run)],
      ["Tainted by", taint === null ? undefined : shown(taint)],
      ["Belongs to", parent && html`${runLink(parent.id)} of ${parent.agent}`],
      ["Policy", code(run.policyHash.slice(0, 12))],
      ["Prompt", code(run.promptHash.slice(0, 12))],
      ["Whole id", code(run.id)],
      ["Chain", chainOf(timeline)],
    ]),
  )}
  ${sealNotice(access, run.id)}
  ${pending.map(
    ({ code: key, tool }) =>
      html`<p class="notice">
        It waits for a yes to ${code(tool)}: question ${key}, on the <a href="/ops">overview</a>.
      </p>`,
  )}
  ${section(
    "Timeline",
    html`<ol class="timeline">
      ${rows.slice(0, mostRows).map((row) => entryView(row, timezone))}
    </ol>`,
    rows.length > mostRows
      ? `the first ${mostRows} of ${rows.length} rows; claw audit show has all`
      : `${rows.length} rows`,
  )}
  ${deliveries.length === 0 ? "" : section("Delivery", deliveryTable(deliveries, timezone))}
  ${
    children.length === 0
      ? ""
      : section("Runs that it asked for, or that followed it", runTable("Runs below it", children, timezone))
  }`;
}

const tokens = ({ inputTokens, outputTokens, cachedTokens }: Timeline["run"]): Content =>
  inputTokens === null
    ? undefined
    : html`${count(inputTokens)} in${cachedTokens ? html` (${count(cachedTokens)} cached)` : ""}, ${count(outputTokens)}
      out`;

/** Whether its rows follow from one another, and whether their end is signed: see docs/audit.md. */
function chainOf({ run: { checkpoint }, chain: { rows, broken } }: Timeline): Markup {
  const signed = checkpoint === null ? "in no checkpoint yet" : `in checkpoint ${checkpoint}`;
  return broken
    ? html`<strong class="problem">broken at row ${broken.seq}: ${broken.why}</strong>`
    : html`<span class="state good">whole</span>, ${rows} rows, ${signed}`;
}

/** Why what was said is not shown, where it is not. */
function sealNotice(access: Timeline["access"], id: string): Markup {
  switch (access) {
    case "opened":
      return html``;
    case "erased":
      return html`<p class="notice">What was said in this run was erased. What it did is still known.</p>`;
    case "sealed":
      return html`<p class="notice">
        Only the operator's identity opens what was said: <code>claw audit show ${id} --identity FILE</code>
      </p>`;
  }
}

const deliveryTable = (parts: Timeline["deliveries"], timezone: string): Markup =>
  table(
    "Messages of the run",
    [{ head: "To" }, { head: "State" }, { head: "Sent" }, { head: "Attempts", figure: true }, { head: "Reason" }],
    parts.map(({ lane, state: word, sentAt, attempts, reason }) => [
      code(lane),
      state(word),
      when(sentAt, timezone),
      count(attempts),
      reason === null ? undefined : shown(reason),
    ]),
  );
