/** The list of runs, filtered by a form that needs no script. */
import { html } from "hono/html";
import type { Config } from "../../../lib/config/config.ts";
import { instantOf, minuteOf } from "../../../lib/time/wall-clock.ts";
import type { RunFilter, RunRow } from "../../../lib/audit/runs.ts";
import { code, count, duration, empty, type Markup, money, runLink, section, state, table, when } from "../html.ts";

const triggers = ["chat", "agent", "job", "replay"] as const;
const states = ["running", "waiting", "done", "failed", "cancelled"] as const;

/** What the form says, as it is asked of the ledger; what is no time or number is left out, and NUL, which PostgreSQL takes in no text. */
export function filterOf(query: Readonly<Record<string, string>>, timezone: string): RunFilter {
  const text = (name: string): string | undefined => query[name]?.replaceAll("\0", "").trim() || undefined;
  const at = (name: string): Date | undefined => {
    const said = text(name);
    return said === undefined ? undefined : instantOf(said, timezone);
  };
  const cost = Number(text("cost") ?? Number.NaN);
  return {
    ...{ agent: text("agent"), principal: text("principal"), tool: text("tool"), job: text("job") },
    trigger: triggers.find((trigger) => trigger === text("trigger")),
    state: states.find((state) => state === text("state")),
    denied: query["denied"] === "1" || undefined,
    ...{ since: at("since"), until: at("until"), requestId: text("request") },
    costAbove: Number.isFinite(cost) ? cost : undefined,
  };
}

export interface RunsPage {
  readonly config: Config;
  readonly query: Readonly<Record<string, string>>;
  readonly filter: RunFilter;
  readonly runs: readonly RunRow[];
  readonly next: string | undefined;
}

export function runsView({ config, query, filter, runs, next }: RunsPage): Markup {
  return html`${section("Filter", filterForm(config, filter))}
  ${section(
    "Runs",
    runs.length === 0 ? empty("There is no such run.") : runTable("Runs", runs, config.timezone),
    "newest first",
  )}
  ${
    next === undefined && query["after"] === undefined
      ? ""
      : html`<nav class="tabs" aria-label="Pages">
          ${query["after"] === undefined ? "" : html`<a href="${pageOf(query)}">Newest</a>`}
          ${next === undefined ? "" : html`<a rel="next" href="${pageOf(query, next)}">Older</a>`}
        </nav>`
  }`;
}

/** The address of a page of the same list: the first, or the one after a run. */
function pageOf(query: Readonly<Record<string, string>>, after?: string): string {
  const said = Object.entries({ ...query, after: after ?? "" }).filter(([, value]) => value !== "");
  return `/ops/runs?${new URLSearchParams(said).toString()}`;
}

/** Runs as a table, wherever they are shown. */
export const runTable = (caption: string, runs: readonly RunRow[], timezone: string): Markup =>
  table(
    caption,
    [
      ...["Run", "Began", "State", "Agent", "For", "By"].map((head) => ({ head })),
      ...["Calls", "Denied", "Tokens", "Cost", "Took"].map((head) => ({ head, figure: true }) as const),
    ],
    runs.map((run) => [
      runLink(run.id),
      when(run.startedAt, timezone),
      html`${state(run.state)}${run.error === null ? "" : html` <span class="hint">${run.error}</span>`}`,
      run.agent,
      code(run.principal),
      run.job ?? run.trigger,
      count(run.toolCalls),
      run.denied === 0 ? undefined : count(run.denied),
      count(run.inputTokens === null ? null : run.inputTokens + (run.outputTokens ?? 0)),
      money(run.cost),
      duration(run.seconds === null ? null : run.seconds * 1000),
    ]),
  );

function filterForm({ agents, jobs, timezone }: Config, filter: RunFilter): Markup {
  const local = (at: Date | undefined): string => (at ? minuteOf(at, timezone).replace(" ", "T") : "");
  return html`<form class="filter" method="get" action="/ops/runs">
    ${choice("agent", "Agent", [...agents.keys()], filter.agent)} ${choice("job", "Job", [...jobs.keys()], filter.job)}
    ${choice("trigger", "Begun by", triggers, filter.trigger)} ${choice("state", "State", states, filter.state)}
    ${field("principal", "Principal", filter.principal, { placeholder: "telegram:1001" })}
    ${field("tool", "Tool", filter.tool, { placeholder: "http_get" })}
    ${field("request", "Request or response id", filter.requestId)}
    ${field("cost", "Cost above", filter.costAbove, { inputmode: "decimal" })}
    ${field("since", "Since", local(filter.since), { type: "datetime-local" })}
    ${field("until", "Until", local(filter.until), { type: "datetime-local" })}
    <label class="check"
      ><input type="checkbox" name="denied" value="1" ${filter.denied ? html`checked` : ""} /> with a denial</label
    >
    <div class="acts">
      <button>Filter</button>
      <a href="/ops/runs">Clear</a>
    </div>
  </form>`;
}

const choice = (name: string, label: string, values: readonly string[], chosen: string | undefined): Markup =>
  html`<label
    >${label}
    <select name="${name}">
      <option value="">any</option>
      ${values.map(
        (value) => html`<option value="${value}" ${value === chosen ? html`selected` : ""}>${value}</option>`,
      )}
    </select></label
  >`;

const field = (
  name: string,
  label: string,
  value: string | number | undefined,
  { type = "text", inputmode = "", placeholder = "" } = {},
): Markup =>
  html`<label
    >${label}
    <input
      type="${type}"
      name="${name}"
      value="${value ?? ""}"
      placeholder="${placeholder}"
      inputmode="${inputmode || "text"}"
      autocomplete="off"
  /></label>`;
