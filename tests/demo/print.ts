import { styleText } from "node:util";
import { people, type Person, type RealModel } from "./settings.ts";
import type { Stage } from "./stage.ts";

/** Prints to the terminal; colours only where it is one and NO_COLOR is not set. */
export const toStdout = (line: string): void => void process.stdout.write(`${line}\n`);

const groupOf: Record<Person, string> = { owner: "group owners", kid: "group family", stranger: "in no group" };

/** Who a person of the demo is, in words. */
export const whoIs = (person: Person): string => `${person}, telegram:${people[person]}, ${groupOf[person]}`;

/** What is real here, what is a stand-in, and who is who. */
export function printIntroduction(out: (line: string) => void, stage: Stage, real: RealModel | undefined): void {
  const bold = (text: string): string => styleText("bold", text);
  const model = real
    ? `${bold("real")}: ${real.model} at ${real.baseUrl}`
    : `${bold("STAND-IN")}: a script that knows a few phrases, no AI. For a real one: LLM_BASE_URL=… LLM_MODEL=… LLM_API_KEY=… npm run demo`;
  out(bold("OpenClaw demo"));
  out(
    `  gateway   real: webhook, ledgers, policy, journal, delivery; public ${stage.publicUrl}, private ${stage.privateUrl}`,
  );
  out("  database  real: its own PostgreSQL in a temporary directory, removed at the end");
  out(`  model     ${model}`);
  out(
    `  Telegram  ${bold("STAND-IN")}: a local Bot API; lines are pushed to the webhook, replies are what it was sent`,
  );
  out(
    `  sources   ${bold("STAND-IN")}: an Alertmanager, a calendar, a Miniflux and a Plane of a few entries; jobs read them`,
  );
  out("  people    owner telegram:1001 (all tools), kid telegram:1002 (family: helper only, may not complete),");
  out("            stranger telegram:6666 (in no group)");
  out(
    `  ready in ${(stage.milliseconds / 1000).toFixed(1)} s. What was said is sealed in the database; the rows shown are what stays readable.`,
  );
  out("");
}

/** A person's line, in the scripted conversation. */
export const printSaid = (out: (line: string) => void, person: Person, text: string): void =>
  out(`${styleText("bold", `${person}>`)} ${text}`);

/** What the person was sent. */
export function printReplies(out: (line: string) => void, replies: readonly string[]): void {
  for (const reply of replies)
    for (const line of reply.split("\n")) out(`${styleText("cyan", "  |")} ${line}`.trimEnd());
}
