import type { Backend, Config } from "./config.ts";
import { ClawError } from "../errors.ts";

/** A backend and its fallbacks, theirs included, depth first and each once. */
export function chainOf(config: Config, name: string): Backend[] {
  const chain = new Set<Backend>();
  const visit = (visited: string): void => {
    const backend = config.backends.get(visited);
    if (!backend) throw new ClawError("config_invalid", `there is no backends.${visited}; add it or correct the name`);
    if (chain.has(backend)) return;
    chain.add(backend);
    backend.fallback.forEach(visit);
  };
  visit(name);
  return [...chain];
}
