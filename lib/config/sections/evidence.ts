/** `[audit]`, `[drift]` and `[ops]`: what is kept of runs as evidence, what is looked for in it, and the page that shows it. */
import { z } from "zod";
import { isAgeRecipient } from "../age-recipient.ts";
import { count, httpUrl } from "../primitives.ts";

/** `[audit]`: who can open what was said, and how the trail is signed. */
export const audit = z
  .strictObject({
    recipient: z
      .string()
      .refine(
        isAgeRecipient,
        'must be a whole age recipient, "age1..." and 58 more characters, as age-keygen prints it',
      )
      .optional()
      .describe("The operator's age recipient: its identity opens every run that began since it was set, for good."),
    gateway_retention_days: count
      .optional()
      .describe("After so long the gateway itself cannot open a run any more; needs `recipient`. Left out: never."),
    checkpoint_minutes: z
      .int()
      .min(1)
      .max(1_440)
      .default(60)
      .describe("How often what has ended since is signed; where nothing has, nothing is."),
    checkpoint_file: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Where checkpoints are written as JSON lines, for a backup elsewhere, relative to openclaw.toml; left out, checkpoints.jsonl in data_dir.",
      ),
    post_checkpoints: z.boolean().default(true).describe("Whether each is also told where `operator` says."),
  })
  .prefault({})
  .describe("The audit trail.");

/** `[drift]`: when an agent counts as changed. */
export const drift = z
  .strictObject({
    watch: z
      .boolean()
      .default(true)
      .describe("Whether `operator` is told when an agent behaves otherwise than before."),
    baseline_runs: z
      .int()
      .min(50)
      .max(5_000)
      .default(300)
      .describe("Runs of an agent that its last ones are held against."),
  })
  .prefault({})
  .describe("What is noticed of agents that change.");

/** `[ops]`: the page on the private listener. */
export const ops = z
  .strictObject({
    url: httpUrl
      .optional()
      .describe("The private listener as your browser reaches it, for `claw ops link`; left out, by its own address."),
    session_hours: z.number().positive().max(720).default(12).describe("How long a login lasts."),
  })
  .prefault({})
  .describe("The ops page.");
