/** Each agent with who may have it do what: the same as `claw check` prints, by the function that decides in the gateway. */
import { html } from "hono/html";
import { chainOf } from "../../../lib/config/backend-chain.ts";
import { type Agent, type Config, matrixUserId } from "../../../lib/config/config.ts";
import { type Access, describeAccess } from "../../../lib/policy/describe.ts";
import { legsText, policyMatrix } from "../../../lib/policy/matrix.ts";
import { timetableWords } from "../../../lib/time/timetable-words.ts";
import { code, type Content, empty, facts, type Markup, section, shown, table } from "../html.ts";

/** Pure: of the config in force alone. */
export function agentsView(config: Config): Markup {
  const legs = Map.groupBy(policyMatrix(config), ({ agent }) => agent);
  return html`<p class="hint">Policy <code title="SHA-256 of the policy">${config.policyHash.slice(0, 12)}</code></p>
    ${describeAccess(config).map(({ agent, people }) =>
      section(
        agent.name,
        html`<p>${shown(agent.description)}</p>
          ${facts([
            ["Matrix", matrixOf(config, agent)],
            ["Telegram", telegramOf(config, agent)],
            ["Backend", backendOf(config, agent)],
            ["Limits", limitsOf(agent)],
            ["Prompt", html`<code title="SHA-256 of the prompt">${agent.promptHash.slice(0, 12)}</code>`],
          ])}
          <h3>Who may talk to it</h3>
          ${people.length === 0 ? empty("Nobody may talk to it.") : peopleTable(agent, people)} ${jobsOf(config, agent)}
          <h3>Rule of two</h3>
          <p class="hint">
            What strangers may have written, what is private, what acts or sends: never all three unasked.
          </p>
          ${table(
            `Rule of two of ${agent.name}`,
            [{ head: "Group" }, { head: "What it comes to" }],
            (legs.get(agent.name) ?? []).map(({ group, legs: held }) => [group, legsText(held)]),
          )}`,
      ),
    )}`;
}

function matrixOf(config: Config, agent: Agent): Content {
  const user = matrixUserId(config, agent);
  if (user === undefined || !agent.matrix) return undefined;
  const { direct, rooms, answer } = agent.matrix;
  return html`${code(user)}${direct ? ", direct chats" : ""}${rooms.map((room) => html`, ${code(room)} (${answer})`)}`;
}

function telegramOf(config: Config, agent: Agent): Content {
  if (!agent.telegram) return undefined;
  return [...config.telegram.values()]
    .map(({ name, agent: first }) => `${name} (${first === agent.name ? "answers first" : `by /agent ${agent.name}`})`)
    .join(", ");
}

const backendOf = (config: Config, agent: Agent): string =>
  chainOf(config, agent.backend)
    .map(({ name, model }) => `${name} (${model})`)
    .join(", then ");

/** Such as `steps 20, money per day 2`. */
const limitsOf = ({ limits }: Agent): string =>
  Object.entries(limits)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${name.replaceAll("_", " ")} ${value.toLocaleString("en-GB")}`],
    )
    .join(", ");

/** Names side by side. */
const named = (names: readonly string[]): Content =>
  names.length === 0 ? undefined : html`<span class="tools">${names.map((name) => code(name))}</span>`;

/** Those who may do the same share a row. */
function peopleTable(agent: Agent, people: readonly Access[]): Markup {
  const alike = Map.groupBy(people, ({ who: _, channel: _channel, ...scope }) => JSON.stringify(scope));
  return table(
    `Who may talk to ${agent.name}`,
    [{ head: "Who" }, { head: "Groups" }, { head: "May call" }, { head: "Asks first" }, { head: "Denied" }],
    [...alike.values()].flatMap(([first, ...others]) =>
      first === undefined
        ? []
        : [
            [
              named([first, ...others].map(({ who }) => who)),
              first.groups.join(", "),
              named(first.granted),
              named(first.asked),
              first.denied.length === 0 ? undefined : deniedList(first.denied),
            ],
          ],
    ),
  );
}

const deniedList = (denied: Access["denied"]): Markup =>
  html`<details>
    <summary>${denied.length} ${denied.length === 1 ? "tool" : "tools"}</summary>
    <ul class="plain">
      ${denied.map(({ tool, rule }) => html`<li>${code(tool)} <span class="hint">${shown(rule)}</span></li>`)}
    </ul>
  </details>`;

function jobsOf(config: Config, agent: Agent): Markup {
  const jobs = [...config.jobs.values()].filter((job) => job.agent === agent.name);
  if (jobs.length === 0) return html``;
  return html`<h3>Jobs</h3>
    ${table(
      `Jobs of ${agent.name}`,
      [{ head: "Job" }, { head: "When" }, { head: "To" }],
      jobs.map((job) => [job.name, timetableWords(job), html`${job.deliver.map((place) => html`${code(place)} `)}`]),
    )}`;
}
