import type * as openaiPackage from "openai";
import type { Backend } from "../config/config.ts";
import { ClawError } from "../errors.ts";

/** What a server turned out to want, learned from its refusals. */
export interface Dialect {
  /** OpenAI's newer models want the one, most other servers know only the other. */
  limitField: "max_tokens" | "max_completion_tokens";
  streamOptions: boolean;
}

/** A backend with its openai client. */
export interface Client {
  readonly backend: Backend;
  readonly openai: openaiPackage.OpenAI;
  readonly dialect: Dialect;
}

/** Loads the openai package: 110 ms and 21 MB, so on first use or by `warm()`. */
export const loadOpenAI = (): Promise<typeof openaiPackage> => import("openai");

const longestTimer = 2 ** 31 - 1;

/** The client of one backend; its own retries, time limit, log and environment variables are off. */
export async function createClient(backend: Backend, fetch: typeof globalThis.fetch): Promise<Client> {
  const { OpenAI } = await loadOpenAI();
  const apiKey = backend.apiKey?.reveal();
  // Header libraries quote an invalid value in their error.
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
    throw new ClawError(
      "config_invalid",
      `backends.${backend.name}.api_key is empty or holds a space, line break or non-ASCII character; store the bare key`,
      { say: "I cannot think just now: the model behind me is not set up properly." },
    );
  const openai = new OpenAI({
    baseURL: backend.base_url,
    apiKey: apiKey ?? "none",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: longestTimer,
    logLevel: "off",
    fetch,
    ...(apiKey === undefined && { defaultHeaders: { Authorization: null } }),
  });
  const official = new URL(backend.base_url).hostname === "api.openai.com";
  return {
    backend,
    openai,
    dialect: { limitField: official ? "max_completion_tokens" : "max_tokens", streamOptions: true },
  };
}
