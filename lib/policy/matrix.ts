/** What each group gets of each agent, before and after taint, and the rule of two: `claw policy matrix`. Pure. */
import type { Principal } from "../channel/types.ts";
import type { Agent, Config, Group } from "../config/config.ts";
import { covers } from "../config/tool-glob.ts";
import type { Label } from "../tools/define.ts";
import { isTrusted } from "./access.ts";
import { alignedLines } from "./aligned-lines.ts";
import { decide, type Decision, type Scope, whenTainted } from "./decide.ts";

/** One tool of an agent for somebody who is in one group alone. */
export interface MatrixTool {
  readonly tool: string;
  readonly labels: readonly Label[];
  /** Whether arguments may make it stricter. */
  readonly narrowed: boolean;
  /** Undefined where the group's words taint every run from its beginning. */
  readonly untainted: Decision | undefined;
  readonly tainted: Decision;
}

/** The three things of which no run may have all without a person. */
export interface Legs {
  /** What brings strangers' words in, what is private, what acts or sends: tools, or the group itself. */
  readonly untrusted: readonly string[];
  readonly private: readonly string[];
  readonly actOrEgress: readonly string[];
  /** What becomes of the third leg once the run is tainted, by the key that says so. */
  readonly held: readonly Decision[];
}

/** One agent for one group. */
export interface MatrixBlock {
  readonly agent: string;
  readonly group: string;
  readonly tools: readonly MatrixTool[];
  readonly legs: Legs;
}

/** Decides every tool of every agent for a member of every group, who is in no other and in no room. */
export const policyMatrix = (config: Config): MatrixBlock[] =>
  [...config.agents.values()].flatMap((agent) =>
    [...config.groups.values()].map((group) => blockOf(config, agent, group)),
  );

function blockOf(config: Config, agent: Agent, group: Group): MatrixBlock {
  const alone = withMember(config, group);
  const scope: Scope = { ...alone, agent, room: undefined, trigger: "chat" };
  const trusted = isTrusted(alone.config, alone.principal) && group.members.length > 0;
  const tools = config.toolFacts.map((tool): MatrixTool => {
    const call = { tool, args: undefined, request: "" };
    return {
      tool: tool.name,
      labels: tool.labels,
      narrowed: Object.keys(agent.arguments).some((glob) => covers(glob, tool.name)),
      untainted: trusted ? decide(scope, { ...call, taint: [] }) : undefined,
      tainted: decide(scope, { ...call, taint: ["anything"] }),
    };
  });
  return { agent: agent.name, group: group.name, tools, legs: legsOf(alone.config, agent, group, tools, trusted) };
}

/** The config with one more member of a group; others stay, as approvers are looked up among them. */
function withMember(config: Config, group: Group): { config: Config; principal: Principal } {
  // No person has such an id.
  const principal: Principal = `telegram:a member of ${group.name}`;
  const groups = new Map(config.groups).set(group.name, { ...group, members: [...group.members, principal] });
  return { config: { ...config, groups }, principal };
}

function legsOf(config: Config, agent: Agent, group: Group, tools: readonly MatrixTool[], trusted: boolean): Legs {
  const usable = tools.filter(({ untainted, tainted }) => (untainted ?? tainted).decision !== "deny");
  const having = (label: Label): string[] =>
    usable.filter(({ labels }) => labels.includes(label)).map(({ tool }) => tool);
  const stranger = usable.length > 0 && !trusted ? [`groups.${group.name}`] : [];
  const third = (["act", "egress"] as const).filter((label) => having(label).length > 0);
  return {
    untrusted: [...stranger, ...having("untrusted")],
    private: having("private"),
    actOrEgress: [...new Set(third.flatMap(having))],
    held: third.map((label) => whenTainted(config, agent, label)),
  };
}

/** The matrix as lines of text; what is denied either way is left out. */
export function renderMatrix(blocks: readonly MatrixBlock[]): string[] {
  const heads = ["AGENT", "GROUP", "TOOL", "LABELS", "UNTAINTED", "TAINTED", "RULE OF TWO"];
  const rows = blocks.flatMap(({ agent, group, tools, legs }) =>
    tools
      .filter(({ untainted, tainted }) => (untainted ?? tainted).decision !== "deny")
      .map(({ tool, labels, narrowed, untainted, tainted }, at) => [
        agent,
        group,
        tool,
        labels.join(",") || "-",
        shown(untainted, narrowed),
        shown(tainted, narrowed),
        at === 0 ? legsText(legs) : "",
      ]),
  );
  if (rows.length === 0) return ["Nobody is granted any tool."];
  return [
    ...alignedLines([heads, ...rows]),
    "",
    "What is not listed is denied. *: as long as its arguments meet agents.NAME.arguments.",
    "-: a run of this group is tainted from its beginning. A room's own tools and deny narrow further.",
  ];
}

const shown = (decision: Decision | undefined, narrowed: boolean): string =>
  decision === undefined ? "-" : `${decision.decision}${narrowed && decision.decision !== "deny" ? "*" : ""}`;

/** Such as `untrusted + private + act: act ask`. */
export function legsText({ untrusted, private: secret, actOrEgress, held }: Legs): string {
  const legs = [
    ...(untrusted.length > 0 ? ["untrusted"] : []),
    ...(secret.length > 0 ? ["private"] : []),
    ...(actOrEgress.length > 0 ? ["act or egress"] : []),
  ];
  const text = `${legs.length} of 3${legs.length > 0 ? ` (${legs.join(", ")})` : ""}`;
  return held.length === 0 ? text : `${text}; tainted: ${held.map(({ rule }) => afterKey(rule)).join(", ")}`;
}

/** `act "ask"` of `agents.ops.when_tainted.act "ask" by default`. */
const afterKey = (rule: string): string => rule.split(".when_tainted.").at(-1) ?? rule;
