/** A run that has to wait for a person: its questions are asked, and it is left until they are decided. */
import { randomInt } from "node:crypto";
import { noLinks } from "../channel/links.ts";
import type { RunWaiting } from "../agent/waiting.ts";
import { checkpoint } from "../checkpoint.ts";
import type { NewApproval } from "../ledger/approvals.ts";
import { callHash } from "../policy/granted.ts";
import type { Taint } from "../policy/taint.ts";
import { questionText, wakeRun } from "./approval.ts";
import type { ConversationDeps } from "./deps.ts";
import { toEntries } from "./reply.ts";
import type { RunSetup } from "./run-setup.ts";

/** Commits the questions and what is said of them, and wakes the run again where they were decided meanwhile. */
export async function park(
  deps: ConversationDeps,
  { open, config, destination }: RunSetup,
  { questions }: RunWaiting,
  taint: Taint,
): Promise<void> {
  const { run } = open;
  const expiresAt = new Date(Date.now() + config.approvals.expires_minutes * 60_000);
  const asked = questions.map(({ seq, call, rule }): NewApproval => ({
    code: newCode(),
    seq,
    callHash: callHash({ runId: run.id, seq }, call),
    tool: call.tool.name,
    rule,
    shown: { tool: call.tool.name, input: call.input },
    expiresAt,
  }));
  const channel = deps.channels[destination.channel];
  const outbox = asked.flatMap((question) =>
    toEntries(channel, run.lane, destination, `approval:${question.code}`, questionText(run, question), noLinks),
  );
  await open.park({ taint: taint.sources, questions: asked, outbox });
  checkpoint("run.parked");
  await wakeRun(deps, run.id);
}

/** Without letters and digits that look alike. 31^6 are enough for a question that lives for an hour at most. */
const alphabet = "23456789abcdefghjkmnpqrstuvwxyz";

const newCode = (): string => Array.from({ length: 6 }, () => alphabet[randomInt(alphabet.length)]).join("");
