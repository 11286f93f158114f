/** One row of a run's journal as the timeline shows it: its columns always, what was said where it can be opened. */
import { html } from "hono/html";
import type { RunEvent } from "../../../lib/agent/events.ts";
import type { ModelMessage } from "../../../lib/agent/model.ts";
import { shownArguments } from "../../../lib/conversation/visible.ts";
import { timeOf } from "../../../lib/time/wall-clock.ts";
import type { TimelineEntry } from "../data.ts";
import { block, code, type Content, count, duration, facts, type Markup, moneyText, shown, state } from "../html.ts";

const titles: Record<RunEvent["type"], string> = {
  "run.started": "Began",
  "run.resumed": "Went on",
  "run.waiting": "Waits for an approval",
  "llm.requested": "Asked the model",
  "llm.answered": "The model answered",
  "llm.consulted": "The model looked at an image",
  "llm.failed": "The model failed",
  "tool.requested": "Wants to call",
  "approval.decided": "Question about",
  "tool.finished": "Result of",
  "run.finished": "Ended",
};

/** A list item; its mark says whether it went well. */
export function entryView({ seq, at, row, event }: TimelineEntry, timezone: string): Markup {
  const outcome = outcomeOf(row);
  const name = row.tool_name ?? nameIn(event);
  return html`<li class="${toneOf(outcome)}" id="row-${seq}">
    <h3>
      <span>${titles[row.type] ?? shown(row.type)} ${name === undefined ? "" : code(name)}</span>
      ${outcome === undefined ? "" : state(outcome)}
      <time class="hint" datetime="${at.toISOString()}"
        >${timeOf(at, timezone)}:${String(at.getUTCSeconds()).padStart(2, "0")}</time
      >
      <a class="hint" href="#row-${seq}" aria-label="Row ${seq}">#${seq}</a>
    </h3>
    ${facts(columnsOf(row))} ${event === undefined ? "" : saidIn(event)}
  </li>`;
}

/** The word of what became of it, where a row says so. */
function outcomeOf(row: TimelineEntry["row"]): string | undefined {
  switch (row.type) {
    case "tool.requested":
      return row.decision ?? undefined;
    case "approval.decided":
      return row.rule?.replace(/^approval /, "") ?? undefined;
    case "tool.finished":
      return row.error_type ?? "ok";
    case "llm.failed":
      return "failed";
    case "run.finished":
      return row.finish_reason ?? undefined;
    default:
      return undefined;
  }
}

const toneOf = (outcome: string | undefined): string =>
  outcome === undefined
    ? ""
    : ["deny", "denied", "failed", "error"].includes(outcome)
      ? "bad"
      : ["allow", "approved", "ok", "done"].includes(outcome)
        ? "good"
        : "wait";

/** A tool that only the model knows has its name among what was said. */
const nameIn = (event: RunEvent | undefined): string | undefined =>
  event && "call" in event ? event.call.name : undefined;

function columnsOf(row: TimelineEntry["row"]): [string, Content][] {
  const tokens = (value: number | null | undefined): Content => (typeof value === "number" ? count(value) : undefined);
  const text = (value: string | null | undefined): Content => (value ? shown(value) : undefined);
  const id = (value: string | null | undefined): Content => (value ? code(value) : undefined);
  const cost = typeof row.cost === "number" ? `${moneyText(row.cost)} (${row.cost_source ?? ""})` : undefined;
  const rule = row.type === "approval.decided" ? undefined : text(row.rule);
  return [
    ["Rule", rule],
    ["Decided by", id(row.approver)],
    ["Tainted by", text(row.taint)],
    ["Backend", text(row.provider_name)],
    ["Model asked for", text(row.request_model)],
    ["Model that answered", text(row.response_model)],
    ["Request id", id(row.provider_request_id)],
    ["Response id", id(row.response_id)],
    ["Finish reason", row.type === "run.finished" ? undefined : text(row.finish_reason)],
    ["Refused to answer", row.refusal ? "yes" : undefined],
    ["Input tokens", tokens(row.input_tokens)],
    ["of them cached", tokens(row.cached_tokens)],
    ["Output tokens", tokens(row.output_tokens)],
    ["of them reasoning", tokens(row.reasoning_tokens)],
    ["Cost", cost],
    ["Error", row.type === "tool.finished" ? undefined : text(row.error_type)],
    ["Took", typeof row.duration_ms === "number" ? duration(row.duration_ms) : undefined],
  ];
}

/** What was said, in boxes. */
function saidIn(event: RunEvent): Markup {
  switch (event.type) {
    case "run.started":
      return html`${said("Asked for", event.request)} ${said("Could not be read", event.preface)}
      ${event.tools.length === 0 ? "" : offered(event.tools)} ${given(event.messages)}`;
    case "llm.answered":
    case "llm.consulted":
      return said("Answer", event.answer.text);
    case "llm.failed":
      return said("Reason", event.reason);
    case "tool.requested":
      return block("Arguments", argumentsText(event.call.arguments));
    case "tool.finished":
      return said("Result", event.result);
    case "run.finished":
      return said("Answer", event.text);
    case "run.resumed":
    case "run.waiting":
    case "llm.requested":
    case "approval.decided":
      return html``;
  }
}

const said = (label: string, text: string): Markup => (text === "" ? html`` : block(label, text));

const offered = (tools: readonly string[]): Markup =>
  html`<details class="block">
    <summary>Offered <span class="hint">${tools.length} tools</span></summary>
    <p class="tools">${tools.map((name) => code(name))}</p>
  </details>`;

const given = (messages: readonly ModelMessage[]): Markup =>
  messages.length === 0
    ? html``
    : html`<details class="block">
        <summary>Given to the model <span class="hint">${messages.length} messages</span></summary>
        ${messages.map((message) => block(message.role, textOf(message)))}
      </details>`;

const textOf = (message: ModelMessage): string =>
  message.role === "assistant" && message.toolCalls.length > 0
    ? [message.text, ...message.toolCalls.map(({ name, arguments: args }) => `${name} ${args}`)].join("\n").trim()
    : message.text;

/** As an approver is shown them; what is no JSON, as the model wrote it. */
function argumentsText(raw: string): string {
  try {
    const value: unknown = JSON.parse(raw);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return shownArguments(value as Record<string, unknown>);
  } catch {
    // Shown as it is.
  }
  return raw;
}
