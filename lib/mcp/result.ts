import { isTooDeep } from "../nesting.ts";

/** What a tool of a server answered, as text. */
export interface McpResult {
  readonly text: string;
  readonly isError: boolean;
}

/** One part of a result, as far as it is looked at. */
interface Part {
  readonly type: string;
  readonly text?: unknown;
  readonly resource?: unknown;
}

/** Joins the text of a result; what is no text is named and left out. Other keys of the protocol are ignored. */
export function resultOf(answer: {
  readonly content?: readonly Part[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean | undefined;
}): McpResult {
  const { content = [], structuredContent, isError = false } = answer;
  const parts = content.map((part) => (typeof part.text === "string" ? part.text : `[${kindOf(part)}, not shown]`));
  if (parts.length === 0 && structuredContent !== undefined)
    parts.push(
      isTooDeep(structuredContent)
        ? "[structured content, nested too deeply to be shown]"
        : JSON.stringify(structuredContent),
    );
  return { text: parts.join("\n\n") || "(an empty result)", isError };
}

const kindOf = ({ type }: Part): string =>
  ({ image: "image", audio: "audio", resource: "resource", resource_link: "link to a resource" })[type] ?? "part";
