/** The bodies a model server sends, in the shapes of OpenAI's two APIs. */
import type { Answer, Delivery, ScriptedCall } from "./model-server.ts";

/** What an answer says of itself. */
export interface AnswerFacts {
  readonly n: number;
  readonly model: string;
  readonly withUsage: boolean;
}

/** The events of a streamed chat completion, `[DONE]` included. Text goes in pieces of a few words, arguments in halves. */
export function chatChunks(answer: Answer, facts: AnswerFacts): string[] {
  const head = `data: {"id":"chatcmpl_${facts.n}","object":"chat.completion.chunk","created":1,"model":${JSON.stringify(facts.model)},`;
  const chunk = (delta: object, finish: string | null = null): string =>
    `${head}"choices":[{"index":0,"delta":${JSON.stringify(delta)},"finish_reason":${JSON.stringify(finish)}}]}\n\n`;
  const chunks = [chunk({ role: "assistant", content: "" })];
  for (const piece of pieces(answer.text ?? "")) chunks.push(chunk({ content: piece }));
  answer.toolCalls?.forEach((call, position) => {
    const text = argumentsOf(call);
    const half = Math.ceil(text.length / 2);
    const index = call.index === null ? {} : { index: call.index ?? position };
    const id = call.id === null ? {} : { id: idOf(call, facts, position) };
    const first = { ...index, ...id, type: "function", function: { name: call.name, arguments: text.slice(0, half) } };
    chunks.push(chunk({ tool_calls: [first] }));
    if (half < text.length)
      chunks.push(chunk({ tool_calls: [{ ...index, function: { arguments: text.slice(half) } }] }));
  });
  chunks.push(chunk({}, answer.finishReason ?? (answer.toolCalls?.length ? "tool_calls" : "stop")));
  if (facts.withUsage && answer.usage !== null)
    chunks.push(`${head}"choices":[],"usage":${JSON.stringify(chatUsage(answer))}}\n\n`);
  chunks.push("data: [DONE]\n\n");
  return chunks;
}

/** A chat completion in one piece. */
export function chatBody(answer: Answer, facts: AnswerFacts): object {
  const calls = answer.toolCalls?.map((call, position) => ({
    id: idOf(call, facts, position),
    type: "function",
    function: { name: call.name, arguments: argumentsOf(call) },
  }));
  return {
    id: `chatcmpl_${facts.n}`,
    object: "chat.completion",
    created: 1,
    model: facts.model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer.text ?? null, ...(calls && { tool_calls: calls }) },
        finish_reason: answer.finishReason ?? (calls?.length ? "tool_calls" : "stop"),
      },
    ],
    ...(answer.usage !== null && { usage: chatUsage(answer) }),
  };
}

/** The events of a streamed response. */
export function responseChunks(answer: Answer, facts: AnswerFacts): string[] {
  const event = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const whole = responseBody(answer, facts);
  const chunks = [
    event("response.created", { response: { ...whole, status: "in_progress", output: [], usage: null } }),
  ];
  whole.output.forEach((item, output_index) => {
    chunks.push(event("response.output_item.added", { output_index, item: { ...item, content: [], arguments: "" } }));
    if (item.type === "message")
      for (const delta of pieces(answer.text ?? ""))
        chunks.push(event("response.output_text.delta", { output_index, content_index: 0, delta }));
    else chunks.push(event("response.function_call_arguments.delta", { output_index, delta: item.arguments }));
    chunks.push(event("response.output_item.done", { output_index, item }));
  });
  chunks.push(event(`response.${whole.status}`, { response: whole }));
  return chunks;
}

interface ResponseItem {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A response in one piece. */
export function responseBody(
  answer: Answer,
  facts: AnswerFacts,
): { readonly status: string; readonly output: readonly ResponseItem[]; readonly [field: string]: unknown } {
  const cut = answer.finishReason === "length";
  const { input, output: out, cached = 0, reasoning, cost } = answer.usage ?? defaultUsage;
  const message = {
    type: "message",
    id: `msg_${facts.n}`,
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: answer.text, annotations: [] }],
  };
  const calls = (answer.toolCalls ?? []).map((call, position) => ({
    type: "function_call",
    id: `fc_${facts.n}_${position}`,
    call_id: idOf(call, facts, position),
    name: call.name,
    arguments: argumentsOf(call),
    status: "completed",
  }));
  return {
    id: `resp_${facts.n}`,
    object: "response",
    model: facts.model,
    status: cut ? "incomplete" : "completed",
    incomplete_details: cut ? { reason: "max_output_tokens" } : null,
    output: [...(answer.text === undefined ? [] : [message]), ...calls],
    usage:
      answer.usage === null
        ? null
        : {
            input_tokens: input,
            output_tokens: out,
            total_tokens: input + out,
            input_tokens_details: { cached_tokens: cached },
            ...(reasoning !== undefined && { output_tokens_details: { reasoning_tokens: reasoning } }),
            ...(cost !== undefined && { cost }),
          },
  };
}

const defaultUsage: NonNullable<Delivery["usage"]> = { input: 100, output: 20 };

function chatUsage(answer: Answer): object {
  const { input, output, cached, reasoning, cost } = answer.usage ?? defaultUsage;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    ...(cached !== undefined && { prompt_tokens_details: { cached_tokens: cached } }),
    ...(reasoning !== undefined && { completion_tokens_details: { reasoning_tokens: reasoning } }),
    ...(cost !== undefined && { cost }),
  };
}

const pieces = (text: string): readonly string[] => text.match(/(\s*\S+){1,8}\s*/gu) ?? (text ? [text] : []);

const idOf = (call: ScriptedCall, facts: AnswerFacts, position: number): string =>
  call.id ?? `call_${facts.n}_${position}`;

const argumentsOf = (call: ScriptedCall): string =>
  typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments);
