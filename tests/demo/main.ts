import { readEnvironment } from "../../lib/config/environment.ts";
import { ClawError } from "../../lib/errors.ts";
import { chat } from "./chat.ts";
import { playJobs } from "./jobs.ts";
import { printIntroduction, toStdout } from "./print.ts";
import { playScene } from "./scene.ts";
import { realModel } from "./settings.ts";
import { openStage, type Stage } from "./stage.ts";

const interruptions = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Runs the demo and sets the exit code: a chat in a terminal; with `--once`, or without a terminal, one scripted
 * conversation, whose unexpected steps give 1. Everything is stopped and removed at the end, and when interrupted.
 */
export async function runDemo(argv: readonly string[]): Promise<void> {
  let interrupted = false;
  try {
    const once = argv.includes("--once") || !process.stdin.isTTY;
    const real = realModel(readEnvironment());
    const opening = openStage(real);
    for (const [signal, code] of Object.entries(interruptions))
      process.once(signal, () => {
        interrupted = true;
        // What is being started is started first, so that it can be stopped.
        void opening
          .then((stage) => stage.close())
          .catch(() => undefined)
          .finally(() => process.exit(code));
      });
    const stage = await opening;
    if (interrupted) return;
    try {
      printIntroduction(toStdout, stage, real);
      if (!once) await chat(stage, toStdout);
      else if ((await playAll(stage)) > 0) process.exitCode = 1;
    } finally {
      await stage.close();
    }
  } catch (thrown) {
    // What was under way fails when its stage is taken away.
    if (interrupted) return;
    const known =
      thrown instanceof ClawError ? thrown.message : thrown instanceof Error ? thrown.stack : String(thrown);
    process.stderr.write(`${known}\n`);
    process.exitCode = 1;
  }
}

/** The conversation, then the jobs; how many steps did not give what is expected. */
async function playAll(stage: Stage): Promise<number> {
  const failures = await playScene(stage, toStdout);
  return failures + (await playJobs(stage, stage.sources, toStdout));
}
