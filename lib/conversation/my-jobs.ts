/** /jobs and !jobs: what a person asked to be told or done later, listed and deleted. */
import type { InboundMessage } from "../channel/types.ts";
import { roomOf } from "../channel/room.ts";
import { timetableWords } from "../time/timetable-words.ts";
import { deleteSchedule, schedulesOf, type SealedSchedule } from "../ledger/schedules.ts";
import type { ConversationDeps } from "./deps.ts";
import { inlineCode } from "./visible.ts";
import { instantWords } from "../time/names.ts";

/** Characters of each text that are shown. */
const shownText = 80;
/** More than these are only counted: the answer is to fit in one message. */
const mostShown = 20;

/** Answers the command for whoever sent it: of others' schedules nobody learns, not even that there are any. */
export async function myJobs(
  { sql, keyring }: Pick<ConversationDeps, "sql" | "keyring">,
  message: Pick<InboundMessage, "principal" | "destination" | "shared">,
  argument: string,
): Promise<string> {
  const { principal, destination, shared } = message;
  const mark = destination.channel === "telegram" ? "/" : "!";
  const [word = "", number = "", ...rest] = argument.split(/\s+/);
  if (word === "") return listing(await schedulesOf(sql, keyring.bodies, principal), message, mark);
  const id = /^#?(\d{1,15})$/.exec(number)?.[1];
  if (word.toLowerCase() !== "delete" || id === undefined || rest.length > 0)
    return `I know \`${mark}jobs\` and \`${mark}jobs delete NUMBER\`.`;
  return (await deleteSchedule(sql, principal, Number(id)))
    ? `Deleted: #${id}${shared ? "" : " will not come any more"}.`
    : `You have no schedule #${id}: \`${mark}jobs\` lists yours.`;
}

/** In a room with others only what was asked for in that room: the rest is not theirs to read. */
function listing(
  all: readonly SealedSchedule[],
  message: Pick<InboundMessage, "destination" | "shared">,
  mark: string,
): string {
  const here = placeOf(message);
  const seen = message.shared ? all.filter((schedule) => placeOf(schedule) === here) : all;
  const hidden = all.length - seen.length;
  const elsewhere = hidden === 0 ? [] : [`${hidden} more elsewhere: ask me in private.`];
  if (seen.length === 0) return ["Nothing is scheduled for you here.", ...elsewhere].join(" ");
  const more = seen.length - mostShown;
  return [
    seen
      .slice(0, mostShown)
      .map((schedule) => lineOf(schedule, placeOf(schedule) === here))
      .join("\n"),
    ...(more > 0 ? [`… and ${more} more.`] : []),
    ...elsewhere,
    `\`${mark}jobs delete NUMBER\` deletes one.`,
  ].join("\n\n");
}

function lineOf(schedule: SealedSchedule, here: boolean): string {
  const { id, agent, cron, timezone, nextAt } = schedule;
  const next = instantWords(nextAt, timezone);
  const when =
    cron === undefined
      ? `once, on ${next} (${timezone})`
      : `${timetableWords({ schedule: cron, timezone })}, next on ${next}`;
  return `- #${id} ${when}, by ${agent}${here ? "" : `, in ${inlineCode(placeOf(schedule))}`}: ${textOf(schedule)}`;
}

function textOf({ open }: SealedSchedule): string {
  try {
    return inlineCode(open(), shownText);
  } catch {
    return "(its text is damaged)";
  }
}

/** The room, or in a private Telegram chat, the chat with that bot. */
const placeOf = ({ destination }: Pick<InboundMessage, "destination">): string =>
  roomOf(destination) ?? (destination.channel === "telegram" ? `a private chat with ${destination.bot}` : "");
