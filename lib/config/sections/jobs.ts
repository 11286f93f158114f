/** `[jobs.NAME]`: work on a schedule, and who keeps the time. */
import { z } from "zod";
import { name, place, principal, seconds, timezone, toolGlob } from "../primitives.ts";
import { cronPattern } from "../cron.ts";
import { daily } from "./budget.ts";

const source = z.strictObject({
  tool: z
    .string()
    .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/, "must be the name of a tool")
    .describe("A tool that only reads; it must be among the job's `tools`."),
  args: z.record(z.string(), z.unknown()).default({}).describe("Its arguments."),
  title: z.string().min(1).max(80).optional().describe("The heading of what it returned; left out, the tool's name."),
});

const job = z.strictObject({
  agent: name.describe("One of [agents]: its backend, its instructions, its tools."),
  function: z
    .enum(["briefing", "digest", "review", "report"])
    .default("report")
    .describe("The agent function in functions/agents/; `report` does what `prompt` and `sources` say."),
  schedule: cronPattern.describe("When, as a cron expression of five fields: minute, hour, day, month, weekday."),
  timezone: timezone.optional().describe("Whose clock that is by; left out, the config's `timezone`."),
  prompt: z
    .string()
    .min(1)
    .optional()
    .describe(
      "A text file, relative to openclaw.toml: what is to be written. Needed by `report`; the others have their own.",
    ),
  tools: z
    .array(toolGlob)
    .default([])
    .describe(
      "All it may call, of what its agent may: its sources, what follows delivery, and what the model may call besides.",
    ),
  for: principal
    .optional()
    .describe(
      "Whose commitments, notes and history its tools read; a member of a group. What they say goes to all of `deliver`.",
    ),
  sources: z.array(source).default([]).describe("What is read before the model is asked, in this order; for `report`."),
  deliver: z.array(place).min(1).describe("Where its message goes: Matrix rooms and Telegram chats."),
  bot: name
    .optional()
    .describe("The bot that speaks in Telegram chats; left out, one whose agent it is, else the first."),
  quiet_if_empty: z
    .boolean()
    .default(true)
    .describe("Says nothing, and asks no model, where all its sources answered and there was nothing in them."),
  catch_up: z
    .union([z.enum(["latest", "none"]), z.strictObject({ within_hours: z.number().positive().max(8_760) })], {
      error: 'must be "latest", "none" or { within_hours = 6 }',
    })
    .default("latest")
    .describe(
      'Of occurrences missed while nothing ran: "latest" makes up for the last one, "none" for none, or within so long.',
    ),
  retries: z
    .int()
    .min(0)
    .max(10)
    .default(3)
    .describe("Further attempts, 1, 5, 15, then 60 minutes later, before it is given up."),
  limits: z
    .strictObject({
      ...daily,
      seconds: seconds.optional().describe("From its first source to its message; left out, the agent's."),
    })
    .prefault({})
    .describe("What it may use, besides the limits of its agent."),
});

/** The jobs, by name. */
export const jobsSection = z.record(name, job).default({});

/** `scheduler`. */
export const scheduler = z
  .enum(["external", "internal"])
  .default("external")
  .describe(
    'Who fires the jobs: "external" timers that ask for them (`claw timers systemd`), or the gateway\'s own clock.',
  );
