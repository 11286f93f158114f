import type { RawConfig } from "../config/schema.ts";
import type { Services } from "../config/services.ts";
import type { ToolFacts } from "../config/tool-facts.ts";
import { agentTool } from "./agents.ts";
import { type AlertsSeen, alertsTool } from "./alerts.ts";
import { calendarTool } from "./calendar.ts";
import { type CommitmentStore, commitmentTools } from "./commitments.ts";
import type { Tool } from "./define.ts";
import { factsOf } from "./facts.ts";
import { feedsTools } from "./feeds.ts";
import { filesTool } from "./files.ts";
import { historyTool, type TurnReader } from "./history.ts";
import { httpTools } from "./http.ts";
import { messageTool } from "./message.ts";
import { type NoteStore, notesTools } from "./notes.ts";
import { tasksTools } from "./tasks.ts";
import { scheduleTools, type ScheduleStore } from "./schedule.ts";
import { timeNow } from "./time.ts";

/** What the built-in tools reach the rest by. */
export interface BuiltinStores {
  readonly commitments: CommitmentStore;
  readonly turns: TurnReader;
  readonly notes: NoteStore;
  readonly alertsSeen: AlertsSeen;
  readonly schedules: ScheduleStore;
}

/**
 * The tools that come with the gateway. `settings` and `services` are asked at each call: config may change;
 * `destinations` are told to the model.
 */
export const builtinTools = (
  stores: BuiltinStores,
  settings: () => RawConfig["tools"],
  destinations: readonly string[],
  services: () => Services,
): Tool[] => [
  timeNow,
  agentTool,
  ...commitmentTools(stores.commitments, () => settings().commitments.max_open),
  historyTool(stores.turns, () => settings().history.days),
  filesTool(() => settings().files.max_kb),
  ...httpTools(() => settings().http),
  ...notesTools(stores.notes, () => settings().notes),
  messageTool(destinations),
  alertsTool(services, stores.alertsSeen),
  calendarTool(services),
  ...feedsTools(services),
  ...tasksTools(services),
  ...scheduleTools(stores.schedules, () => settings().schedule),
];

function nowhere(): never {
  throw new Error("this tool was made for its facts alone");
}

/** The built-in tools for their facts alone: what they do, throws. `destinations` as in builtinTools. */
export const unconnectedTools = (destinations: readonly string[] = []): Tool[] =>
  builtinTools(
    {
      commitments: { list: nowhere, add: nowhere, complete: nowhere },
      turns: nowhere,
      notes: { read: nowhere, list: nowhere, write: nowhere },
      alertsSeen: { record: nowhere, endedSince: nowhere },
      schedules: { add: nowhere },
    },
    nowhere,
    destinations,
    nowhere,
  );

/** The built-in tools' facts, known without a database: the config is checked before one is opened. */
export const builtinToolFacts = (): ToolFacts[] => unconnectedTools().map(factsOf);
