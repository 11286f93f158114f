/** The list of runs, filtered by a form that needs no script. */
import { html } from "hono/html";
import type { Config } from "../../../lib/config/config.ts";
import { instantOf, minuteOf } from "../../../lib/time/wall-clock.ts";
import type { RunFilter, RunRow } from "../data.ts";
import { code, count, duration, empty, type Markup, money, runLink, section, state, table, when } from "../html.ts";

const triggers = ["chat", "agent", "job", "replay"];
const states = ["running", "waiting", "done", "failed", "cancelled"];

/** What the form says, as it is asked of the ledger; what is no time or number is left out. */
export function filterOf(query: Readonly<Record<string, string>>, timezone: string): RunFilter {
  const text = (name: string): string | undefined => query[name]?.trim() || undefined;
  const at = (name: string): Date | undefined => {
    const said = text(name);
    return said === undefined ? undefined : instantOf(said, timezone);
  };
  const cost = Number(text("cost"));
  const filter = {
    ...{ agent: text("agent"), principal: text("principal"), tool: text("tool"), job: text("job") },
    ...{ trigger: text("trigger"), state: text("state"), requestId: text("request") },
    ...{ denied: query["denied"] === "1" || undefined, since: at("since"), until: at("until") },
    costAbove: text("cost") === undefined || !Number.isFinite(cost) ? undefined : cost,
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

export interface RunsPage {
  readonly config: Config;
  readonly query: Readonly<Record<string, string>>;
  readonly filter: RunFilter;
  readonly runs: readonly RunRow[];
  readonly next: string | undefined;
}

export function runsView({ config, query, filter, runs, next }: RunsPage): Markup {
  const following = new URLSearchParams({ ...query, after: next ?? "" }).toString();
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
          ${query["after"] === undefined ? "" : html`<a href="?${firstPage(query)}">Newest</a>`}
          ${next === undefined ? "" : html`<a rel="next" href="?${following}">Older</a>`}
        </nav>`
  }`;
}

function firstPage(query: Readonly<Record<string, string>>): string {
  const first = new URLSearchParams(query);
  first.delete("after");
  return first.toString();
}

/** Runs as a table, wherever they are shown. */
export const runTable = (caption: string, runs: readonly RunRow[], timezone: string): Markup =>
  table(
    caption,
    [
      ...["Run", "Began", "State", "Agent", "For", "By"].map((head) => ({ head })),
      ...["Steps", "Tokens", "Cost", "Took"].map((head) => ({ head, figure: true }) as const),
    ],
    runs.map((run) => [
      runLink(run.id),
      when(run.startedAt, timezone),
      html`${state(run.state)}${run.error === null ? "" : html` <span class="hint">${run.error}</span>`}`,
      run.agent,
      code(run.principal),
      run.job ?? run.trigger,
      count(run.steps),
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
