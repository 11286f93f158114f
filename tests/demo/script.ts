/** What the stand-in model "thinks": a few patterns over the last message. No AI. */
import type { Answer, ScriptedCall, ScriptedRequest } from "../support/model-server.ts";

const days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const dayMs = 86_400_000;

/** The stand-in's answer to a request; `now` is asked for dates such as "by friday". */
export const scriptFor =
  (now: () => Date) =>
  (request: ScriptedRequest): Answer => {
    const answer = answerTo(request, now());
    const output = `${answer.text ?? ""}${JSON.stringify(answer.toolCalls ?? "")}`;
    return { ...answer, usage: { input: tokensOf(JSON.stringify(request.messages)), output: tokensOf(output) } };
  };

/** Four characters a token, as a stand-in may count. */
const tokensOf = (text: string): number => Math.ceil(text.length / 4);

function answerTo({ messages }: ScriptedRequest, now: Date): Answer {
  const last = messages.at(-1);
  if (last?.role === "tool") return { text: summary(textOf(last.content)) };
  const said = textOf(last?.content).trim();
  if (said.startsWith("<source ")) return { text: jobText(said) };
  const call = callFor(said, now);
  if (call) return { toolCalls: [call] };
  return {
    text:
      "I am a **scripted stand-in** for a model, so I only understand a few phrases: *what time is it*, " +
      "*remember to … by friday*, *what do I have to do*, *done 1*, *find …*.",
  };
}

/**
 * It asks for tools without looking at which it was offered, as a model that was talked into something would: what
 * may be called is decided at dispatch, not by the model.
 */
function callFor(said: string, now: Date): ScriptedCall | undefined {
  const done = /^(?:done|finished)\s+#?(\d+)/i.exec(said);
  if (done) return { name: "commitments_complete", arguments: { id: Number(done[1]) } };
  const promise = /^(?:please\s+)?remember to\s+(.+)$/is.exec(said);
  if (promise) return { name: "commitments_add", arguments: commitment(promise[1] ?? "", now) };
  const search = /^(?:find|search(?: for)?)\s+(.+?)[?.!]*$/is.exec(said);
  if (search) return { name: "history_search", arguments: { query: search[1] } };
  if (/what time|what day|what date/i.test(said)) return { name: "time_now", arguments: {} };
  if (/have to do|to-?do|commitments|promise/i.test(said)) return { name: "commitments_list", arguments: {} };
  return undefined;
}

function commitment(words: string, now: Date): { text: string; due?: string } {
  const [, text = words, by = ""] = /^(.*?)\s+by\s+([\w-]+)[.!]*$/is.exec(words) ?? [];
  const due = dateOf(by.toLowerCase(), now);
  return due === undefined ? { text: words } : { text, due };
}

function dateOf(word: string, now: Date): string | undefined {
  if (/^\d{4}-\d\d-\d\d$/.test(word)) return word;
  const ahead = word === "today" ? 0 : word === "tomorrow" ? 1 : daysUntil(days.indexOf(word), now);
  return ahead === undefined ? undefined : isoDay(new Date(now.getTime() + ahead * dayMs));
}

const daysUntil = (weekday: number, now: Date): number | undefined =>
  weekday < 0 ? undefined : (weekday - now.getDay() + 7) % 7 || 7;

const isoDay = (at: Date): string =>
  [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0")).join("-");

/** A job's message: of feeds each entry by its number, of other sources the lines of their lists. */
function jobText(said: string): string {
  const sources = [...said.matchAll(/<source title="(.*?)">\n([\s\S]*?)\n<\/source>/g)];
  return sources
    .map(([, title, text = ""]) => {
      const numbers = [...text.matchAll(/^\[(\d+)\] /gm)].map(([, number]) => `- [${number}]`);
      const lines = text.split("\n").filter((line) => line === "" || /^(?:- |\*\*)/.test(line));
      return [`**${title}**`, "", ...(numbers.length > 0 ? numbers : lines)].join("\n");
    })
    .join("\n\n");
}

/** A tool's result in a sentence. */
function summary(result: string): string {
  if (/^Not permitted/.test(result)) return "I may not do that for you here: the tool was refused.";
  if (/^Added /.test(result)) return `Noted: ${result.slice("Added ".length)}.`;
  if (/^Done: /.test(result)) return `Well done. ${result.slice("Done: ".length)}`;
  if (result.startsWith("#")) return `You have these open:\n\n${result.replaceAll(/^#/gm, "- #")}`;
  if (/; \d{4}-\d\d-\d\dT/.test(result)) return `It is ${result.split(";")[0]}.`;
  return result;
}

/** Content is a string, or parts of which some hold text. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("\n");
}
