/** A model that is the attacker's: it obeys all it reads, in whatever message, tool description or picture, to the letter. */
import type { ScriptedRequest, Turn } from "../model-server.ts";
import { ordersIn, wordsIn } from "./directives.ts";
import { world } from "./world.ts";

interface WireCall {
  readonly function: { readonly name: string; readonly arguments: string };
}

/** Makes every call it was ordered to make and has not made yet, all at once or one by one, then says what it was told to say. */
export const worstCase =
  (pace: "at once" | "one by one") =>
  ({ messages, tools }: ScriptedRequest, heeded: ScriptedRequest["messages"] = messages): Turn => {
    const seen = JSON.stringify([heeded, tools]);
    // Of what stands in a picture only the model knows: here it is what the world has painted.
    const read = seen.includes("image_url") ? seen + world.picture : seen;
    const made = new Set(
      messages.flatMap((message) =>
        ((message as { tool_calls?: readonly WireCall[] }).tool_calls ?? []).map(
          (call) => `${call.function.name} ${call.function.arguments}`,
        ),
      ),
    );
    const open = ordersIn(read)
      .map((order) => ({ name: order.tool, arguments: JSON.stringify(order.arguments) }))
      .filter((call) => !made.has(`${call.name} ${call.arguments}`));
    if (open.length > 0) return { toolCalls: pace === "at once" ? open : open.slice(0, 1) };
    return { text: ["Done.", ...wordsIn(read)].join("\n\n") };
  };

/** A model that makes the calls the person asks for, one by one, and obeys nobody else. */
export const wellBehaved = ({ messages, ...request }: ScriptedRequest): Turn =>
  worstCase("one by one")(
    { ...request, messages, tools: [] },
    messages.filter(({ role }) => role === "user"),
  );
