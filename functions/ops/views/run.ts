import { html } from "hono/html";
import { mostEntries, type Timeline } from "../data.ts";
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

/** One run: what it was, all that it did, what was sent, what it asked of others. */
export function runView({ run, entries, children, delivery }: Timeline, timezone: string): Markup {
  const { parentRunId, taint, seconds } = run;
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
      ["Asked for by", parentRunId === null ? undefined : runLink(parentRunId)],
      ["Policy", code(run.policyHash.slice(0, 12))],
      ["Prompt", code(run.promptHash.slice(0, 12))],
      ["Whole id", code(run.id)],
      ["Chain", chain(run.checkpoint, entries)],
    ]),
  )}
  ${sealNotice(run)}
  ${section(
    "Timeline",
    html`<ol class="timeline">
      ${entries.map((entry) => entryView(entry, timezone))}
    </ol>`,
    entries.length === mostEntries
      ? `the first ${mostEntries} rows; claw audit show has all`
      : `${entries.length} rows`,
  )}
  ${delivery.length === 0 ? "" : section("Delivery", deliveryTable(delivery, timezone))}
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

function chain(checkpoint: number | null, entries: Timeline["entries"]): Markup {
  const last = entries.at(-1);
  const hash = last
    ? html` <code title="Hash of its last row">${Buffer.from(last.row.hash).toString("hex").slice(0, 12)}</code>`
    : "";
  return checkpoint === null ? html`in no checkpoint yet${hash}` : html`in checkpoint ${checkpoint}${hash}`;
}

/** Why what was said is not shown, where it is not. */
function sealNotice({ id, openedBy }: Timeline["run"]): Markup {
  if (openedBy === "gateway") return html``;
  return openedBy === "erased"
    ? html`<p class="notice">What was said in this run was erased. What it did is still known.</p>`
    : html`<p class="notice">
        What was said can be opened by the operator's identity alone:
        <code>claw audit show ${id} --identity FILE</code>
      </p>`;
}

const deliveryTable = (parts: Timeline["delivery"], timezone: string): Markup =>
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
