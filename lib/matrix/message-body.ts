import { inertText } from "../channel/inert.ts";
import type { LinkPolicy } from "../channel/links.ts";
import { splitMarkdown } from "../channel/split.ts";
import type { Destination } from "../channel/types.ts";
import { ClawError } from "../errors.ts";
import { no, yes } from "./reaction.ts";
import { toHtml } from "./render.ts";

/** The content of an m.room.message, as the outbox keeps it. */
export interface MatrixBody {
  readonly msgtype: "m.text" | "m.notice";
  readonly body: string;
  readonly format?: "org.matrix.custom.html";
  readonly formatted_body?: string;
  readonly "m.relates_to"?: object;
  readonly "m.mentions": { readonly user_ids?: readonly string[] };
}

/** A yes or a no to be put on a message that was sent before, as the outbox keeps it. */
export interface MatrixReactionBody {
  readonly react: typeof yes | typeof no;
  /** The outbox key of the message. */
  readonly to: string;
}

/** Whether the outbox holds a reaction. */
export const isReactionBody = (body: unknown): body is MatrixReactionBody =>
  typeof body === "object" && body !== null && "react" in body && (body.react === yes || body.react === no);

/**
 * An event has at most 65,536 bytes and encryption makes a content a third larger. The text is in it twice, plain and as
 * HTML, and both must fit.
 */
const maxContent = 40_000;
const smallestPart = 2_000;

/** Markdown as contents that each fit in an event, in order; the relation goes with the first, or with all in a thread. */
export function bodiesOf(
  markdown: string,
  relation: (index: number) => object | undefined,
  links?: LinkPolicy,
): MatrixBody[] {
  return parts(markdown, maxContent, links).map((body, index) => {
    const related = relation(index);
    return related ? { ...body, "m.relates_to": related } : body;
  });
}

/** HTML may be many times as long as the markdown (tables): where both are too long, the parts are made smaller. */
function parts(markdown: string, limit: number, links: LinkPolicy | undefined): MatrixBody[] {
  return splitMarkdown(markdown, limit, bytes).flatMap((part) => {
    const body = bodyOf(part, links);
    if (bytes(body) <= maxContent) return [body];
    return limit / 2 >= smallestPart ? parts(part, limit / 2, links) : [plain(textOf(part, links))];
  });
}

const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

const plain = (text: string): MatrixBody => ({ msgtype: "m.text", body: text, "m.mentions": {} });

/** Clients that show no HTML make links of what they find in the text. */
const textOf = (markdown: string, links: LinkPolicy | undefined): string =>
  links ? inertText(markdown, links) : markdown;

/** HTML is left out where it would say no more than the text. */
function bodyOf(markdown: string, links: LinkPolicy | undefined): MatrixBody {
  const text = textOf(markdown, links);
  const html = toHtml(markdown, links);
  if (html === "" || html === `<p>${text}</p>`) return plain(text);
  return { ...plain(text), format: "org.matrix.custom.html", formatted_body: html };
}

/** The content as it was made; throws ClawError `environment` where the outbox holds something else. */
export function matrixBody(body: unknown): MatrixBody {
  if (typeof body === "object" && body !== null && "msgtype" in body && "body" in body && typeof body.body === "string")
    return body as MatrixBody;
  throw new ClawError("environment", "the outbox holds no Matrix message: was it written by another version?");
}

/** How an answer hangs on what it answers: in its thread, or as a reply where others may not see what it is about. */
export function relationOf(
  destination: Extract<Destination, { channel: "matrix" }>,
  reply: boolean,
): object | undefined {
  const { thread, replyTo } = destination;
  if (thread !== undefined)
    return {
      rel_type: "m.thread",
      event_id: thread,
      // For clients without threads (spec: "Fallback for unthreaded clients").
      is_falling_back: true,
      "m.in_reply_to": { event_id: replyTo ?? thread },
    };
  return reply && replyTo !== undefined ? { "m.in_reply_to": { event_id: replyTo } } : undefined;
}
