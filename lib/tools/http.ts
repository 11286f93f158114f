/** http_get and image_read: pages and pictures of the web, from hosts the operator listed. */
import { z } from "zod";
import type { RawConfig } from "../config/schema.ts";
import { ClawError } from "../errors.ts";
import type { Network } from "../http/dial.ts";
import { type GuardedAnswer, guardedFetch } from "../http/guarded.ts";
import { hostRules } from "../http/hosts.ts";
import { decodeText } from "../http/text.ts";
import { sniff } from "../media/sniff.ts";
import { defineTool, type Tool } from "./define.ts";

type HttpSettings = RawConfig["tools"]["http"];

/** Written as it will be asked for: what policy and approvers see of it is where the request goes. */
const url = z
  .string()
  .trim()
  .min(1)
  .max(2_000)
  .transform((text, context) => {
    const parsed = URL.parse(text);
    if (!parsed) {
      context.addIssue({ code: "custom", message: "must be a whole URL, such as https://example.org/page" });
      return z.NEVER;
    }
    parsed.hash = "";
    return parsed.href;
  });

/** The tools. `settings` is read at each call: config may change. `network` is for tests. */
export const httpTools = (settings: () => HttpSettings, network?: Network): Tool[] => [
  httpGet(settings, network),
  imageRead(settings, network),
];

const httpGet = (settings: () => HttpSettings, network: Network | undefined): Tool =>
  defineTool({
    name: "http_get",
    description: "Fetches a web page and returns its text; only from hosts the operator allowed.",
    input: z.strictObject({
      url,
      start: z.int().min(0).default(0).describe("Character to go on from, for a long page"),
    }),
    // Egress: whoever runs the host reads what is written into the URL.
    labels: ["untrusted", "egress"],
    bounded: true,
    effect: "idempotent",
    timeoutMs: 70_000,
    outputLimit: 100_000,
    async run({ url, start }, { signal }) {
      const { max_kb, max_chars } = settings();
      const accept = "text/html, text/*, application/json, application/xml;q=0.9, */*;q=0.1";
      const answer = await fetchListed(url, settings(), { accept, maxBytes: max_kb * 1024, signal, network });
      const { title, text } = await readPage(answer);
      const head = [
        `URL: ${answer.url.href}`,
        `Status: ${answer.status}`,
        `Type: ${oneLine(answer.contentType) || "not said"}`,
        ...(title === "" ? [] : [`Title: ${title}`]),
      ];
      return `${head.join("\n")}\n\n${pageOf(text, start, max_chars)}`;
    },
  });

const imageRead = (settings: () => HttpSettings, network: Network | undefined): Tool =>
  defineTool({
    name: "image_read",
    description: "Answers a question about an image on the web; only from hosts the operator allowed.",
    input: z.strictObject({ url, question: z.string().trim().min(1).max(1_000) }),
    labels: ["untrusted", "egress"],
    bounded: true,
    effect: "idempotent",
    timeoutMs: 180_000,
    outputLimit: 8_000,
    async run({ url, question }, { signal, look }) {
      if (!look) throw new ClawError("bad_request", "The model of this agent takes no images: backends.NAME.images.");
      const options = { accept: "image/*", maxBytes: look.maxBytes, signal, network };
      const { status, body } = await fetchListed(url, settings(), options);
      if (status !== 200) throw new ClawError("fetch_failed", `There is no image: the answer has status ${status}.`);
      const { kind, mime } = sniff(body);
      if (kind !== "image")
        throw new ClawError("bad_request", "This is no PNG, JPEG, GIF or WebP image. For a page use http_get.");
      return look.ask({ mime, bytes: body }, question, signal);
    },
  });

const fetchListed = (
  url: string,
  { hosts, private_hosts, timeout_seconds }: HttpSettings,
  options: Omit<Parameters<typeof guardedFetch>[1], "rules" | "timeoutMs">,
): Promise<GuardedAnswer> =>
  guardedFetch(url, { ...options, rules: hostRules(hosts, private_hosts), timeoutMs: timeout_seconds * 1000 });

async function readPage({ body, contentType, url }: GuardedAnswer): Promise<{ title: string; text: string }> {
  const decoded = decodeText(body, contentType);
  if (!decoded)
    throw new ClawError("bad_request", "The answer is no text and was not read. For an image use image_read.");
  if (decoded.kind === "text") return { title: "", text: decoded.text };
  const { readHtml } = await import("../http/html.ts");
  return readHtml(decoded.text, url);
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim().slice(0, 200);

/** The characters from `start`, as many as one result may have, and where to go on. */
function pageOf(text: string, start: number, limit: number): string {
  if (text === "") return "[no text]";
  if (start >= text.length) return `[the text has ${text.length} characters; there is nothing from ${start} on]`;
  const end = Math.min(text.length, start + limit);
  const part = text.slice(start, end).toWellFormed();
  if (start === 0 && end === text.length) return part;
  const more = end < text.length ? `; go on with start=${end}` : "";
  return `${part}\n[characters ${start} to ${end} of ${text.length}${more}]`;
}
