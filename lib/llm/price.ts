import type { Cost, ModelAnswer, Usage } from "../agent/model.ts";
import type { Backend } from "../config/config.ts";
import { listPrice } from "./list-price.ts";

/**
 * The answer with what it cost, where that is known, and the model that was asked for. Providers and lists count in US
 * dollars: where `currency` is another one, only the config's price counts, so that no sum mixes two.
 */
export async function priced(backend: Backend, currency: string, answer: ModelAnswer): Promise<ModelAnswer> {
  const { cost: reported, ...rest } = answer;
  const cost = await costOf(backend, currency, { ...answer, cost: reported });
  return { ...rest, requestModel: backend.model, ...(cost && { cost }) };
}

/** What a call to the backend cost that was answered so; undefined where tokens or price are unknown. */
export async function costOf(
  backend: Backend,
  currency: string,
  { cost: reported, usage, model }: Pick<ModelAnswer, "cost" | "usage" | "model">,
): Promise<Cost | undefined> {
  const amount = configuredCost(backend, usage);
  const dollars = currency === "USD";
  // A server that knows no price may well report 0: no limit in money may rest on that.
  if (dollars && reported && (reported.amount > 0 || amount === undefined)) return reported;
  if (amount !== undefined) return { amount, source: "config" };
  if (!dollars || !usage) return undefined;
  // The answer is there: what has no price that can be made out has an unknown one.
  const list = await listPrice(backend.base_url, [model, backend.model], usage).catch(() => undefined);
  return list === undefined ? undefined : { amount: list, source: "list" };
}

/** What a call costs by `price` of the config (per million tokens); undefined where tokens or price are unknown. */
function configuredCost({ price }: Backend, usage: Usage | undefined): number | undefined {
  if (!price || !usage) return undefined;
  // Providers count cached tokens inside the input tokens.
  const cached = Math.min(usage.cachedTokens ?? 0, usage.inputTokens);
  const fresh = usage.inputTokens - cached;
  return (fresh * price.input + cached * (price.cached ?? price.input) + usage.outputTokens * price.output) / 1e6;
}
