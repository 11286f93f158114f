/** Each model that an agent may be answered by: whether it answers, calls tools, and reports what that took. */
import type { ModelAnswer, ModelRequest } from "../agent/model.ts";
import { chainOf } from "../config/backend-chain.ts";
import type { Backend, Config } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { createBackends } from "../llm/backends.ts";
import { AttemptFailure } from "../llm/failure.ts";
import { createLog } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { type Check, fail, type Finding, findingOf, NotSeen, ok, type Shared, shared, skipped, warn } from "./check.ts";

/** A local server may have to load the model first. */
const seconds = 60;

/** Enough for a model that thinks before it calls; no more, since it is paid for. */
const mostTokens = 1_024;

/** `ask` false: no model is called. */
export function modelChecks(config: Config, ask: boolean): Check[] {
  return inUse(config).flatMap((backend): Check[] => {
    const name = `models.${backend.name}`;
    if (!ask) return [{ name, look: async () => skipped(`${backend.model} was not asked (--no-model)`) }];
    const tried = shared("it does not answer", (signal) => tryModel(config, backend, signal), seconds - 1);
    return [
      { name, seconds, look: (signal) => lookAtAnswer(backend, tried, signal) },
      { name: `${name}.tools`, seconds, look: async (signal) => lookAtTools(backend, await tried.lean(signal)) },
      { name: `${name}.usage`, seconds, look: async (signal) => lookAtUsage(backend, await tried.lean(signal)) },
      {
        name: `${name}.price`,
        seconds,
        look: async (signal) => lookAtPrice(config, backend, await tried.lean(signal)),
      },
    ];
  });
}

/** Backends of agents and all their fallbacks, in the config's order. */
function inUse(config: Config): Backend[] {
  const used = new Set([...config.agents.values()].flatMap(({ backend }) => chainOf(config, backend)));
  return [...config.backends.values()].filter((backend) => used.has(backend));
}

/** What became of the call. */
interface Tried {
  readonly answer: ModelAnswer;
  /** `refused`: it answers only where it is offered no tool. */
  readonly tools: "called" | "ignored" | "refused";
}

const tool = {
  name: "report_ready",
  description: "Reports that you are ready.",
  parameters: { type: "object", properties: {}, additionalProperties: false },
};

const messages: ModelRequest["messages"] = [
  { role: "system", text: "This is a test of the connection. Call the tool report_ready once, and do nothing else." },
  { role: "user", text: "Are you ready?" },
];

/** One call with a tool that must be called; what the server refuses is left out of the next. Throws ClawError. */
async function tryModel(config: Config, backend: Backend, signal: AbortSignal): Promise<Tried> {
  const backends = createBackends({ log: createLog("silent"), metrics: createMetrics() });
  const alone: Backend = {
    ...backend,
    ...{ fallback: [], retries: 0, max_output_tokens: Math.min(backend.max_output_tokens, mostTokens) },
  };
  const model = backends.model({ ...config, backends: new Map([[backend.name, alone]]) }, backend.name);
  const complete = (request: Partial<ModelRequest>) => model.complete({ messages, tools: [], signal, ...request });
  for (const request of [{ tools: [tool], mustCall: true }, { tools: [tool] }]) {
    try {
      const answer = await complete(request);
      return { answer, tools: answer.toolCalls.some(({ name }) => name === tool.name) ? "called" : "ignored" };
    } catch (thrown) {
      if (!isRefusedRequest(thrown)) throw thrown;
    }
  }
  return { answer: await complete({}), tools: "refused" };
}

/** The server understood who asks and for what model, and does not take the request. */
function isRefusedRequest(thrown: unknown): boolean {
  const { cause } = thrown as { cause?: unknown };
  return (
    cause instanceof AttemptFailure && cause.kind === "status" && [400, 404, 422, 500, 501].includes(cause.status ?? 0)
  );
}

async function lookAtAnswer(backend: Backend, tried: Shared<Tried>, signal: AbortSignal): Promise<Finding> {
  let answer: ModelAnswer;
  try {
    ({ answer } = await tried.own(signal));
  } catch (thrown) {
    if (!(thrown instanceof ClawError) || thrown.code !== "backend_failed") throw thrown;
    const why = thrown.message.replace(`no backend answered. backends.${backend.name}: `, "");
    return findingOf(
      new ClawError("backend_failed", `${backend.model} does not answer (${firstPart(why)}): ${restOf(why)}`),
    );
  }
  const traced = answer.requestId === undefined ? "gives no x-request-id" : `request id ${answer.requestId}`;
  return ok(`${answer.model} answers in ${answer.milliseconds} ms, ${traced}${untried(backend)}`);
}

/** `401: the key is refused` and `silent for 60 s; see …`: what was seen, and what it means. */
const firstPart = (why: string): string => /^(.+?)(?:: |; )/.exec(why)?.[1] ?? why;
const restOf = (why: string): string =>
  why.slice(firstPart(why).length).replace(/^[:;] /, "") || "see the server's log";

function untried({ images, transcription_model }: Backend): string {
  const left = [...(images ? ["images"] : []), ...(transcription_model === undefined ? [] : ["voice notes"])];
  return left.length > 0 ? `; not tried: ${left.join(", ")}` : "";
}

function lookAtTools({ name }: Backend, { tools, answer }: Tried): Finding {
  if (tools === "called") return ok("calls the tool it is given");
  const other = `serve a model that calls tools, or the server's own switch for them (llama-server --jinja, vLLM --enable-auto-tool-choice)`;
  if (tools === "refused") return fail("refuses requests that offer a tool", `agents need them: ${other}`);
  if (answer.finishReason === "length")
    return warn(
      `used up ${mostTokens} tokens before it called the tool`,
      `it may think long: see what its runs cost, or raise backends.${name}.max_output_tokens`,
    );
  return warn("answered without calling the tool it was told to call", `agents may do without their tools: ${other}`);
}

function lookAtUsage({ name }: Backend, { answer: { usage } }: Tried): Finding {
  if (usage) return ok(`reports its usage: ${usage.inputTokens} tokens in, ${usage.outputTokens} out`);
  return warn(
    "reports no usage",
    `budgets count each call as the most it can have been: have the server report it (stream_options.include_usage), or use another for backends.${name}`,
  );
}

function lookAtPrice(config: Config, backend: Backend, { answer: { cost, usage } }: Tried): Finding {
  const key = `backends.${backend.name}.price`;
  if (cost) return ok(`known by ${sources[cost.source]}`);
  if (!usage) throw new NotSeen("nothing can be priced without usage");
  if (!backend.apiKey) return ok(`none; set ${key} where it is not your own machine`);
  return warn(
    "nobody knows what it costs",
    `set ${key} = { input = …, output = … }, per million tokens in ${config.budget.currency}`,
  );
}

const sources = { provider: "what the provider reports", config: "the config", list: "the providers' list prices" };
