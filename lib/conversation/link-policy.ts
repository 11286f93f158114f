import { type LinkPolicy, linksTo } from "../channel/links.ts";
import type { Config } from "../config/config.ts";
import type { Taint } from "../policy/taint.ts";

/** What a run may link to: all, until strangers' words are in it; then the hosts its agent's config names. */
export const linkPolicyOf = (config: Config, agent: string, taint: Taint): LinkPolicy | undefined =>
  taint.sources.length === 0 ? undefined : linksTo(config.agents.get(agent)?.link_hosts ?? []);
