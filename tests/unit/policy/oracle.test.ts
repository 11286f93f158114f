/**
 * Every decision of generated configs against an oracle that shares no code with lib/policy: sets of tools and a table of
 * leaves instead of rules in an order.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { z } from "zod";
import type { Principal } from "../../../lib/channel/types.ts";
import { assemble } from "../../../lib/config/assemble.ts";
import type { Config } from "../../../lib/config/config.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { configSchema } from "../../../lib/config/schema.ts";
import { Secret } from "../../../lib/config/secret.ts";
import { decide, offeredTools, type Scope } from "../../../lib/policy/decide.ts";
import { callHash, GrantedCall } from "../../../lib/policy/granted.ts";
import { defineTool, type Label, type Tool } from "../../../lib/tools/define.ts";

const toolLabels: readonly (readonly [string, readonly Label[]])[] = [
  ["time_now", []],
  ["web_get", ["untrusted", "egress"]],
  ["mail_send", ["act", "egress"]],
  ["tickets_close", ["act"]],
  ["tickets_read", ["untrusted", "private"]],
  ["agent_ask", []],
];
/** Names no tool has, as a model may write them. */
const oddNames = ["constructor", "__proto__", "time_now_"];
const everyName = [...toolLabels.map(([name]) => name), ...oddNames];
const labelsOf = (tool: string): readonly Label[] => toolLabels.find(([name]) => name === tool)?.[1] ?? [];

const agentNames = ["ann", "bob", "constructor"];
const people: Principal[] = ["matrix:@me:h.example", "telegram:1", "telegram:2", "matrix:__proto__"];
const rooms = [undefined, "matrix:!r:h.example", "telegram:-1"];

// What a config may say -------------------------------------------------------------------------------------------

const glob = fc.constantFrom(
  "*",
  "*",
  "*",
  "web_*",
  "tickets_*",
  "mail_send",
  "tickets_close",
  "agent_ask",
  "time_now",
);
const globs = fc.array(glob, { maxLength: 3 });
const seldom = fc.oneof({ weight: 4, arbitrary: fc.constant([] as string[]) }, { weight: 1, arbitrary: globs });
const fate = fc.constantFrom("allow", "ask", "deny");

const demands = {
  hosts: fc.subarray(["h.example", "*.h.example"]),
  one_of: fc.subarray(["a", "b", "7", "ann", "bob"]),
  pattern: fc.constantFrom("[a-z]+", "[a-z]"),
  max_length: fc.constantFrom(1, 3),
  named: fc.boolean(),
};
const unmet = fc.constantFrom("ask", "deny");
/** One demand, mostly: several at once are seldom met by anything. */
const rule = fc
  .tuple(
    fc.record(demands),
    fc.oneof(fc.subarray(Object.keys(demands)), fc.shuffledSubarray(Object.keys(demands), { maxLength: 1 })),
    unmet,
  )
  .map(([all, kept, becomes]) => ({
    ...(Object.fromEntries(Object.entries(all).filter(([key]) => kept.includes(key))) as Partial<typeof all>),
    unmet: becomes,
  }));
type Rule = typeof rule extends fc.Arbitrary<infer Made> ? Made : never;
const argumentRules = fc.oneof(
  fc.constant({}),
  fc.dictionary(
    fc.constantFrom("web_get", "tickets_*", "*"),
    fc.dictionary(fc.constantFrom("x", "x.y", "agent", "constructor"), rule, { minKeys: 1, maxKeys: 2 }),
    { minKeys: 1, maxKeys: 2 },
  ),
);

const group = fc.record({
  members: fc.subarray(people.slice(0, 3)),
  rooms: fc.subarray(["matrix:!r:h.example", "telegram:-1"], { maxLength: 1 }),
  agents: fc.subarray(["*", ...agentNames]),
  tools: globs,
  deny: seldom,
  approve: fc.boolean(),
});

const agent = fc.record({
  tools: globs,
  deny: seldom,
  ask: seldom,
  calls: fc.subarray(agentNames),
  when_tainted: fc.record({ act: fate, egress: fate }, { requiredKeys: [] }),
  arguments: argumentRules,
});

const roomRule = fc.record({ tools: globs, deny: seldom }, { requiredKeys: ["deny"] });

const written = fc.record({
  groups: fc.record({ g: group, h: group, constructor: group }),
  agents: fc.record({ ann: agent, bob: agent, constructor: agent }),
  rooms: fc.dictionary(fc.constantFrom("matrix:!r:h.example", "telegram:-1"), roomRule, { maxKeys: 1 }),
});
type Written = typeof written extends fc.Arbitrary<infer Made> ? Made : never;

const leaf = fc.constantFrom<unknown>(
  "a",
  "b",
  "aa",
  "A",
  7,
  null,
  true,
  "https://h.example/",
  "http://x.h.example:1?a",
  "https://evil.example/h.example",
  "https://evilh.example/",
);
const value = fc.oneof(
  { weight: 4, arbitrary: leaf },
  fc.array(leaf, { maxLength: 2 }),
  fc.record({ y: fc.oneof(leaf, fc.array(leaf, { maxLength: 2 })) }, { requiredKeys: [] }),
);
const args = fc.record(
  {
    x: value,
    "x.y": leaf,
    agent: fc.oneof(fc.constantFrom<unknown>(...agentNames, "nobody"), leaf),
    constructor: leaf,
  },
  { requiredKeys: [] },
);
type Args = Readonly<Record<string, unknown>>;

// The oracle ------------------------------------------------------------------------------------------------------

type Verdict = 0 | 1 | 2;
const words = ["allow", "ask", "deny"] as const;
const own = <Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined =>
  Object.entries(table).find(([name]) => name === key)?.[1];

const expand = (list: readonly string[]): Set<string> => {
  const shapes = list.map((each) => new RegExp(`^${each === "*" ? ".*" : each.replace("*", ".+")}$`));
  return new Set(everyName.filter((name) => shapes.some((shape) => shape.test(name))));
};
const union = (sets: readonly ReadonlySet<string>[]): Set<string> => new Set(sets.flatMap((set) => [...set]));
const common = (sets: readonly ReadonlySet<string>[]): Set<string> =>
  new Set(everyName.filter((name) => sets.every((set) => set.has(name))));
const without = (set: ReadonlySet<string>, taken: ReadonlySet<string>): Set<string> =>
  new Set([...set].filter((name) => !taken.has(name)));

interface Asked {
  readonly agent: string;
  readonly who: string;
  readonly room: string | undefined;
  /** A job's list; it speaks in `room`. */
  readonly job?: readonly string[];
  readonly caller?: Asked;
}

/** Everything that stands in the arguments, by the dotted names that lead there. */
function leavesOf(found: unknown, path = ""): { path: string; value: unknown }[] {
  if (found === undefined) return [];
  if (Array.isArray(found)) return found.flatMap((item) => leavesOf(item, path));
  const here = path === "" ? [] : [{ path, value: found }];
  if (typeof found !== "object" || found === null) return here;
  return [
    ...here,
    ...Object.entries(found).flatMap(([name, inner]) => leavesOf(inner, path === "" ? name : `${path}.${name}`)),
  ];
}

function ruleHolds(wanted: Rule, found: unknown, request: string): boolean {
  if (Object.keys(wanted).every((key) => key === "unmet" || (key === "named" && !wanted.named))) return true;
  if (!["string", "number", "boolean"].includes(typeof found)) return false;
  const text = String(found);
  const host = /^https?:\/\/([a-z.]+)(?::\d+)?(?:[/?#]|$)/.exec(text)?.[1];
  const tokens = request
    .toLowerCase()
    .split(/\s/)
    .map((word) => word.replace(/^[("']*/, "").replace(/[).,"']*$/, ""));
  return (
    (!wanted.hosts ||
      (host !== undefined &&
        wanted.hosts.some((each) => (each === "h.example" ? host === each : /.\.h\.example$/.test(host))))) &&
    (!wanted.one_of || wanted.one_of.some((each) => each === text)) &&
    (!wanted.pattern || (/^[a-z]*$/.test(text) && text !== "" && (wanted.pattern === "[a-z]+" || text.length === 1))) &&
    (!wanted.max_length || text.length < wanted.max_length + 1) &&
    (!wanted.named || tokens.includes(text.toLowerCase()))
  );
}

function oracle(config: Written, asked: Asked, tool: string, given: Args, tainted: boolean, request: string): Verdict {
  const settings = own(config.agents, asked.agent);
  if (!settings) throw new Error("no such agent");
  const groups = Object.values(config.groups).filter(
    ({ members, rooms: here }) =>
      members.some((member) => member === asked.who) || here.some((each) => each === asked.room),
  );
  const reachable = asked.job
    ? new Set<string>(agentNames)
    : union(groups.map(({ agents }) => new Set(agents.includes("*") ? agentNames : agents)));
  const room = asked.room === undefined ? undefined : own(config.rooms, asked.room);
  const called = leavesOf(given).find(({ path }) => path === "agent" && !Array.isArray(own(given, "agent")))?.value;
  const mayCall = settings.calls.filter((each) => each === called && reachable.has(each)).length > 0;
  const ask = new Set(["agent_ask"]);
  const ofAgent = without(expand(settings.tools), ask);
  const granted = without(
    common([
      mayCall ? union([ofAgent, ask]) : ofAgent,
      asked.job ? expand(asked.job) : union(groups.map(({ tools }) => expand(tools))),
      expand(room?.tools ?? ["*"]),
    ]),
    union([settings.deny, room?.deny ?? [], ...(asked.job ? [] : groups.map(({ deny }) => deny))].map(expand)),
  );
  if (!reachable.has(asked.agent) || !granted.has(tool)) return 2;

  const leaves = leavesOf(given);
  const verdicts: Verdict[] = [expand(settings.ask).has(tool) ? 1 : 0];
  for (const [covering, rules] of Object.entries(settings.arguments))
    for (const [path, wanted] of expand([covering]).has(tool) ? Object.entries(rules) : []) {
      const there = leaves.filter(
        (each) =>
          each.path === path ||
          (path.startsWith(`${each.path}.`) && (typeof each.value !== "object" || each.value === null)),
      );
      if (!there.every((each) => ruleHolds(wanted, each.value, request))) verdicts.push(wanted.unmet === "ask" ? 1 : 2);
    }
  if (tainted) {
    const approvers = Object.values(config.groups).some(
      ({ approve, members, agents }) =>
        approve && members.length > 0 && (agents.includes("*") || agents.includes(asked.agent)),
    );
    const defaults = { act: approvers ? "ask" : "deny", egress: "deny" };
    for (const label of ["act", "egress"] as const)
      if (labelsOf(tool).includes(label))
        verdicts.push(words.findIndex((word) => word === (settings.when_tainted[label] ?? defaults[label])) as Verdict);
  }
  if (asked.caller) verdicts.push(oracle(config, asked.caller, tool, given, tainted, request));
  return Math.max(...verdicts) as Verdict;
}

// Both, side by side ----------------------------------------------------------------------------------------------

function load(config: Written): Config {
  const fixed = { description: "d", backend: "main", prompt: "p.md" };
  const raw = configSchema.parse({
    backends: { main: { base_url: "http://127.0.0.1:1/v1", model: "fake" } },
    ...config,
    agents: Object.fromEntries(Object.entries(config.agents).map(([name, each]) => [name, { ...each, ...fixed }])),
  });
  const prompts = new Map(agentNames.map((name) => [`agents.${name}`, { text: "Be brief.", hash: "0" }]));
  return assemble("/openclaw.toml", raw, new Map([["key", new Secret("")]]), prompts, new Environment({}));
}

function scopeFor(config: Config, { agent: name, who, room, job, caller }: Asked): Scope {
  const settings = config.agents.get(name);
  assert.ok(settings);
  return {
    config,
    agent: settings,
    principal: who as Principal,
    room: job ? undefined : room,
    trigger: job ? "job" : "chat",
    ...(job && { job: { name: "x", tools: job, rooms: room === undefined ? [] : [room] } }),
    ...(caller && { caller: scopeFor(config, caller) }),
  };
}

const realTools = toolLabels.map(
  ([name, labels]) =>
    defineTool({
      name,
      description: "d",
      input: z.looseObject({}),
      labels,
      effect: "idempotent",
      timeoutMs: 1,
      outputLimit: 1,
      run: async () => "",
    }) as Tool,
);

/** Every agent, person and room; and those of a job, and as called by another agent. */
function* scopes(job: readonly string[]): Generator<Asked> {
  for (const name of agentNames)
    for (const who of people)
      for (const room of rooms) {
        const plain = { agent: name, who, room };
        yield plain;
        yield { ...plain, job };
        yield { ...plain, caller: { agent: "ann", who, room, job } };
      }
}

test("no call outside the grant is ever allowed, asked or run: the oracle agrees on every agent, person, room, tool and taint", () => {
  const counts = [0, 0, 0];
  fc.assert(
    fc.property(
      written,
      fc.array(args, { minLength: 1, maxLength: 3 }),
      fc.constantFrom("a", "send 'aa', b.", "ab 7"),
      globs,
      (config, calls, request, job) => {
        const loaded = load(config);
        for (const asked of scopes(job)) {
          const scope = scopeFor(loaded, asked);
          const offered = offeredTools(scope, realTools);
          for (const name of everyName)
            for (const given of [{}, ...calls])
              for (const tainted of [false, true]) {
                const taint = tainted ? ["quoted"] : [];
                const expected = oracle(config, asked, name, given, tainted, request);
                counts[expected] = (counts[expected] ?? 0) + 1;
                const call = { tool: { name, labels: labelsOf(name) }, args: given, request, taint };
                const { decision, rule: why } = decide(scope, call);
                const what = (): string => JSON.stringify({ asked, name, given, tainted, request, why });
                if (decision !== words[expected]) assert.equal(decision, words[expected], what());
                assert.ok(why !== "");
                const tool = realTools.find((each) => each.name === name);
                if (!tool) continue;
                assert.ok(expected === 2 || offered.has(name), what());
                if (!asked.job) runs(scope, tool, given, { request, taint }, expected);
              }
        }
      },
    ),
    { numRuns: 40 },
  );
  assert.ok(
    counts.every((count) => count > 100),
    `too one-sided: ${counts.join()}`,
  );
});

/** What is allowed is granted; what asks is, with a yes to this very call; what is denied never is, whatever the yes. */
function runs(
  scope: Scope,
  tool: Tool,
  input: Args,
  circumstances: { request: string; taint: readonly string[] },
  expected: Verdict,
): void {
  const call = { tool, input };
  const place = { runId: "r", seq: 1 };
  const yes = { place, approval: { callHash: callHash(place, call) } };
  const stale = { place, approval: { callHash: callHash({ runId: "r", seq: 2 }, call) } };
  const granted = (approved?: typeof yes): boolean =>
    GrantedCall.decide(scope, call, circumstances, approved).granted !== undefined;
  assert.equal(granted(), expected === 0);
  assert.equal(granted(yes), expected < 2);
  assert.equal(granted(stale), expected === 0);
}
