/** One run as lines for a terminal. What others wrote is shown as it is written, and cannot turn the terminal around. */
import type { Timeline, TimelineRow } from "../../lib/audit/timeline.ts";
import { shownArguments, visible } from "../../lib/conversation/visible.ts";
import { rowWords } from "./audit-words.ts";
import { headLines } from "./audit-timeline-head.ts";

/** Characters of a text, unless it is to be shown whole. */
const mostText = 2_000;

/** How a timeline is shown. */
export interface TimelineStyle {
  readonly timezone: string;
  readonly full: boolean;
}

/** The whole of it: what the run is, then its rows. */
export function timelineLines(timeline: Timeline, style: TimelineStyle): string[] {
  const time = clock(style.timezone);
  const { broken } = timeline.chain;
  return [
    ...headLines(timeline, style.timezone),
    "",
    ...timeline.rows.flatMap((row) => [
      ...(row.seq === broken?.seq ? [`!! The chain breaks here: ${broken.why}`] : []),
      `${time(row.at)}  ${rowWords(row.columns, textOf(row.payload, "name"))}`,
      ...bodyLines(row, style).map((line) => `    ${line}`),
    ]),
  ];
}

function clock(timezone: string): (at: Date) => string {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: timezone,
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 },
  });
  return (at) => format.format(at);
}

function bodyLines({ columns, payload, damaged }: TimelineRow, { full }: TimelineStyle): string[] {
  if (damaged) return ["(its payload was changed: it does not open)"];
  if (!payload) return [];
  const text = (key: string): string[] => textLines(textOf(payload, key) ?? "", full);
  switch (columns.type) {
    case "run.started":
      return startLines(payload, full);
    case "llm.answered":
    case "llm.consulted":
      return text("text");
    case "llm.failed":
      return text("reason");
    case "tool.requested":
      return argumentLines(textOf(payload, "arguments") ?? "", full);
    case "tool.finished":
      return text("result");
    // Its arguments are those of the call above.
    case "approval.decided":
    case "run.resumed":
    case "run.waiting":
    case "llm.requested":
      return [];
    case "run.finished":
      return text("text");
  }
}

function startLines(payload: Readonly<Record<string, unknown>>, full: boolean): string[] {
  const tools = Array.isArray(payload["tools"]) ? payload["tools"].map(String) : [];
  const messages = Array.isArray(payload["messages"]) ? (payload["messages"] as Record<string, unknown>[]) : [];
  const images = Array.isArray(payload["images"]) ? payload["images"].length : 0;
  const request = textOf(payload, "request") ?? "";
  return [
    `offered: ${tools.length === 0 ? "no tools" : visible(tools.join(", "))}`,
    ...(images > 0 ? [`with ${images} image${images === 1 ? "" : "s"}`] : []),
    ...(request === "" ? [] : ["asked:", ...textLines(request, full).map((line) => `  ${line}`)]),
    ...(full
      ? messages.flatMap((message) => [
          `${visible(String(message["role"]))}:`,
          ...textLines(textOf(message, "text") ?? "", full).map((line) => `  ${line}`),
        ])
      : [`shown ${messages.length} message${messages.length === 1 ? "" : "s"} (--full has them)`]),
  ];
}

const textOf = (payload: Readonly<Record<string, unknown>> | undefined, key: string): string | undefined =>
  typeof payload?.[key] === "string" ? payload[key] : undefined;

function argumentLines(text: string, full: boolean): string[] {
  const most = full ? Number.POSITIVE_INFINITY : mostText;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return shownArguments(parsed as Record<string, unknown>, most).split("\n");
  } catch {
    // What the model said is shown all the same.
  }
  return textLines(text, full);
}

function textLines(text: string, full: boolean): string[] {
  if (text === "") return [];
  const cut = full ? text : text.slice(0, mostText);
  const left = text.length - cut.length;
  return [...cut.split("\n").map(visible), ...(left > 0 ? [`(… ${left} more characters: --full)`] : [])];
}
