/** Providers' list prices, as far as this version knows them (@pydantic/genai-prices, which asks nobody). */
import type * as genaiPrices from "@pydantic/genai-prices";
import type { Usage } from "../agent/model.ts";

/** Loaded when a backend without a price first answers: it takes some 20 MB. */
const load = (): Promise<typeof genaiPrices> => import("@pydantic/genai-prices");

/**
 * What a call costs by list, in US dollars. Undefined where the provider is not known by its address, so that a local server
 * is not billed for the name of its model, or has none of the models: the one served, then the one asked for.
 */
export async function listPrice(baseUrl: string, models: readonly string[], usage: Usage): Promise<number | undefined> {
  const { calcPrice, findProvider } = await load();
  // Without this look a model would be priced by its name, wherever it runs.
  if (!findProvider({ providerApiUrl: baseUrl })) return undefined;
  const counts = {
    input_tokens: usage.inputTokens,
    cache_read_tokens: Math.min(usage.cachedTokens ?? 0, usage.inputTokens),
    output_tokens: usage.outputTokens,
  };
  for (const model of models) {
    const found = calcPrice(counts, model, { providerApiUrl: baseUrl });
    if (found) return found.total_price;
  }
  return undefined;
}
