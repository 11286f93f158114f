/** One row of a run's journal as the timeline shows it: its columns always, what was said where it was opened. */
import { html } from "hono/html";
import type { RunEvent } from "../../../lib/agent/events.ts";
import type { TimelineRow } from "../../../lib/audit/timeline.ts";
import { shownArguments } from "../../../lib/conversation/visible.ts";
import type { JournalColumns } from "../../../lib/ledger/journal-row.ts";
import {
  block,
  code,
  type Content,
  count,
  duration,
  exactTime,
  facts,
  type Markup,
  moneyText,
  shown,
  state,
  toneOf,
} from "../html.ts";

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
export function entryView({ seq, at, columns, payload = {}, damaged }: TimelineRow, timezone: string): Markup {
  const outcome = outcomeOf(columns);
  // A tool that only the model knows has its name among what was said.
  const name = columns.tool_name ?? textIn(payload, "name");
  return html`<li class="${outcome === undefined ? "" : toneOf(outcome)}" id="row-${seq}">
    <h3>
      <span>${titles[columns.type] ?? shown(columns.type)} ${name === "" ? "" : code(name)}</span>
      ${outcome === undefined ? "" : state(outcome)} ${exactTime(at, timezone)}
      <a class="hint" href="#row-${seq}" aria-label="Row ${seq}">#${seq}</a>
    </h3>
    ${facts(factsIn(columns))} ${saidIn(columns.type, payload)}
    ${damaged ? html`<p class="problem">What was said here does not open: the row was changed.</p>` : ""}
  </li>`;
}

/** The word of what became of it, where a row says so. */
function outcomeOf({ type, decision, rule, error_type, finish_reason }: JournalColumns): string | undefined {
  switch (type) {
    case "tool.requested":
      return decision;
    case "approval.decided":
      return rule?.replace(/^approval /, "");
    case "tool.finished":
      return error_type ?? "ok";
    case "llm.failed":
      return "failed";
    case "run.finished":
      return finish_reason;
    default:
      return undefined;
  }
}

function factsIn(columns: JournalColumns): [string, Content][] {
  const { type, cost, cost_source, duration_ms } = columns;
  const words = (value: string | undefined): Content => (value ? shown(value) : undefined);
  const id = (value: string | undefined): Content => (value ? code(value) : undefined);
  const figure = (value: number | undefined): Content => (value === undefined ? undefined : count(value));
  return [
    ["Rule", type === "approval.decided" ? undefined : words(columns.rule)],
    ["Decided by", id(columns.approver)],
    ["Tainted by", words(columns.taint)],
    ["Backend", words(columns.provider_name)],
    ["Model asked for", words(columns.request_model)],
    ["Model that answered", words(columns.response_model)],
    ["Request id", id(columns.provider_request_id)],
    ["Response id", id(columns.response_id)],
    ["Finish reason", type === "run.finished" ? undefined : words(columns.finish_reason)],
    ["Refused to answer", columns.refusal ? "yes" : undefined],
    ["Input tokens", figure(columns.input_tokens)],
    ["of them cached", figure(columns.cached_tokens)],
    ["Output tokens", figure(columns.output_tokens)],
    ["of them reasoning", figure(columns.reasoning_tokens)],
    ["Cost", cost === undefined ? undefined : `${moneyText(cost)} (${cost_source ?? "source unknown"})`],
    ["Error", type === "tool.finished" ? undefined : words(columns.error_type)],
    ["Took", duration_ms === undefined ? undefined : duration(duration_ms)],
  ];
}

type Payload = Readonly<Record<string, unknown>>;

const textIn = (payload: Payload, key: string): string => {
  const value = payload[key];
  return typeof value === "string" ? value : "";
};

const listIn = (payload: Payload, key: string): readonly unknown[] => {
  const value = payload[key];
  return Array.isArray(value) ? value : [];
};

/** What was said, in boxes; nothing where it was not opened. */
function saidIn(type: RunEvent["type"], payload: Payload): Markup {
  const said = (label: string, key: string): Markup => {
    const text = textIn(payload, key);
    return text === "" ? html`` : block(label, text);
  };
  switch (type) {
    case "run.started":
      return html`${said("Asked for", "request")} ${said("Could not be read", "preface")}
      ${offered(listIn(payload, "tools"))} ${given(listIn(payload, "messages"))}`;
    case "llm.answered":
    case "llm.consulted":
    case "run.finished":
      return said("Answer", "text");
    case "llm.failed":
      return said("Reason", "reason");
    case "tool.requested":
      return payload["arguments"] === undefined
        ? html``
        : block("Arguments", argumentsText(textIn(payload, "arguments")));
    case "tool.finished":
      return said("Result", "result");
    default:
      return html``;
  }
}

const offered = (tools: readonly unknown[]): Markup =>
  tools.length === 0
    ? html``
    : html`<details class="block">
        <summary>Offered <span class="hint">${tools.length} tools</span></summary>
        <p class="tools">${tools.map((name) => code(String(name)))}</p>
      </details>`;

const given = (messages: readonly unknown[]): Markup =>
  messages.length === 0
    ? html``
    : html`<details class="block">
        <summary>Given to the model <span class="hint">${messages.length} messages</span></summary>
        ${messages.map((message) => givenMessage(message as Payload))}
      </details>`;

function givenMessage(message: Payload): Markup {
  const calls = listIn(message, "toolCalls").map(
    (call) => `${textIn(call as Payload, "name")} ${textIn(call as Payload, "arguments")}`,
  );
  return block(textIn(message, "role"), [textIn(message, "text"), ...calls].join("\n").trim());
}

/** As an approver is shown them; what is no JSON, as the model wrote it. */
function argumentsText(raw: string): string {
  try {
    const value: unknown = JSON.parse(raw);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return shownArguments(value as Payload);
  } catch {
    // Shown as it is.
  }
  return raw;
}
