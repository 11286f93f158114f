/** Cross-checks of openclaw.toml: what one key says about another. Each looks only at what parsed. */
import { checkJobs } from "./check-jobs.ts";
import { checkPolicy } from "./check-policy.ts";
import { checkPrices } from "./check-prices.ts";
import { type Draft, itemsOf, namesOf, sectionOf } from "./draft.ts";
import { isWildcard, splitAddress } from "./listen-address.ts";
import { suggest } from "./nearest.ts";
import type { Problems } from "./problem.ts";
import { checkMessage } from "./sections/message.ts";
import type { ToolFacts } from "./tool-facts.ts";

/** Adds a problem for every reference that leads nowhere and every pair of keys that cannot both hold. */
export function crossCheck(draft: Draft, tools: readonly ToolFacts[], problems: Problems): void {
  checkListeners(draft, problems);
  checkBackends(draft, problems);
  checkAgents(draft, problems);
  checkPolicy(draft, tools, problems);
  checkMatrix(draft, problems);
  checkTelegram(draft, problems);
  checkOperator(draft, problems);
  checkMessage(draft, problems);
  checkPrices(draft, problems);
  checkJobs(draft, tools, problems);
  checkAudit(draft, problems);
}

function checkAudit({ audit }: Draft, problems: Problems): void {
  if (audit?.gateway_retention_days === undefined || audit.recipient !== undefined) return;
  problems.add(
    "audit.gateway_retention_days",
    "nobody could open a run after it: there is no audit.recipient",
    'make an identity with `age-keygen -o audit.key`, keep it elsewhere, and set audit.recipient to its "age1..." line',
  );
}

function checkListeners({ listen }: Draft, problems: Problems): void {
  if (listen?.public === undefined || listen.private === undefined) return;
  const [publicHost, publicPort] = splitAddress(listen.public);
  const [privateHost, privatePort] = splitAddress(listen.private);
  const overlap = publicHost === privateHost || isWildcard(publicHost) || isWildcard(privateHost);
  if (publicPort === privatePort && publicPort !== "0" && overlap)
    problems.add("listen.private", "is the same port as listen.public", 'give it its own, such as "127.0.0.1:8081"');
}

function checkBackends(draft: Draft, problems: Problems): void {
  const names = namesOf(draft.backends);
  if (names.length === 0 && draft.backends !== undefined)
    problems.add("backends", "there is no backend", "add [backends.main] with base_url and model");
  for (const [name, backend] of sectionOf(draft, "backends")) {
    for (const [at, fallback] of itemsOf(backend.fallback)) {
      const key = `backends.${name}.fallback[${at}]`;
      if (fallback === name) problems.add(key, "a backend cannot fall back to itself", "name another one or remove it");
      else if (!names.includes(fallback))
        problems.add(key, `no backend is named "${fallback}"`, suggest(fallback, "Backends", names));
    }
  }
  for (const circle of fallbackCircles(draft))
    problems.add(
      `backends.${circle[0]}.fallback`,
      `fallbacks go in a circle: ${[...circle, circle[0]].join(" -> ")}`,
      "remove one of them",
    );
}

/** Each circle of two or more backends once, beginning with the first of them in the file. */
function fallbackCircles(draft: Draft): string[][] {
  const next = new Map(
    sectionOf(draft, "backends").map(([name, { fallback }]) => [name, itemsOf(fallback).map(([, to]) => to)]),
  );
  const circles: string[][] = [];
  const done = new Set<string>();
  const walk = (name: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(name);
    if (seenAt >= 0 && trail.length - seenAt > 1) circles.push(trail.slice(seenAt));
    if (seenAt >= 0 || done.has(name)) return;
    for (const to of next.get(name) ?? []) walk(to, [...trail, name]);
    done.add(name);
  };
  for (const name of next.keys()) walk(name, []);
  return circles;
}

function checkAgents(draft: Draft, problems: Problems): void {
  const backends = namesOf(draft.backends);
  if (draft.agents !== undefined && namesOf(draft.agents).length === 0)
    problems.add("agents", "there is no agent", "add [agents.NAME]; openclaw.example.toml shows two");
  for (const [name, { backend }] of sectionOf(draft, "agents"))
    if (backend !== undefined && !backends.includes(backend))
      problems.add(
        `agents.${name}.backend`,
        `no backend is named "${backend}"`,
        suggest(backend, "Backends", backends),
      );
}

function checkMatrix(draft: Draft, problems: Problems): void {
  const owners = new Map<string, string>();
  for (const [name, { matrix: settings }] of sectionOf(draft, "agents")) {
    if (settings === undefined) continue;
    if (draft.matrix === undefined)
      problems.add(
        `agents.${name}.matrix`,
        "the agent is on Matrix but there is no [matrix]",
        "add [matrix] with homeserver, server_name, as_token and hs_token, or remove this",
      );
    const { localpart } = settings;
    if (localpart === undefined) continue;
    const key = `agents.${name}.matrix.localpart`;
    const namespace = draft.matrix?.namespace;
    if (namespace !== undefined && !localpart.startsWith(namespace))
      problems.add(
        key,
        `"${localpart}" is outside the application service's namespace`,
        `begin it with "${namespace}" (matrix.namespace), as in "${namespace}${name}"`,
      );
    const owner = owners.get(localpart);
    if (owner !== undefined)
      problems.add(key, `agents.${owner} is already "${localpart}"`, "give each agent its own localpart");
    else if (localpart === draft.matrix?.sender_localpart)
      problems.add(key, "is matrix.sender_localpart, the application service's own user", "give the agent its own");
    if (owner === undefined) owners.set(localpart, name);
  }
}

function checkTelegram(draft: Draft, problems: Problems): void {
  const agents = namesOf(draft.agents);
  for (const [name, agent] of sectionOf(draft, "agents"))
    if (agent.telegram === true && draft.telegram !== undefined && namesOf(draft.telegram).length === 0)
      problems.add(
        `agents.${name}.telegram`,
        "the agent is on Telegram but there is no bot",
        "add [telegram.NAME] with token, webhook_secret and agent, or remove this",
      );
  for (const [name, { agent }] of sectionOf(draft, "telegram")) {
    if (agent === undefined) continue;
    const key = `telegram.${name}.agent`;
    if (!agents.includes(agent)) problems.add(key, `no agent is named "${agent}"`, suggest(agent, "Agents", agents));
    else if (draft.agents?.[agent]?.telegram === false)
      problems.add(key, `agents.${agent} is not on Telegram`, `write telegram = true in [agents.${agent}]`);
  }
}

function checkOperator(draft: Draft, problems: Problems): void {
  const { operator } = draft;
  if (operator?.startsWith("matrix:") && draft.matrix === undefined)
    problems.add("operator", "is on Matrix but there is no [matrix]", "add [matrix], or name a Telegram chat");
  if (operator?.startsWith("telegram:") && draft.telegram !== undefined && namesOf(draft.telegram).length === 0)
    problems.add("operator", "is on Telegram but there is no bot", "add [telegram.NAME], or name a Matrix room");
}
