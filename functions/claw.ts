#!/usr/bin/env node
/** The command line. Nothing is imported before the Node version is known to run it. */
const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 24) {
  process.stderr.write(
    `claw needs Node 24 or newer, this is ${process.versions.node}.\n` +
      "`npm ci` brings Node 24 along: run `npx claw` in the project's directory.\n",
  );
  process.exitCode = 1;
} else {
  await import("../lib/boot.ts");
  // Whoever reads may stop reading, as `head` does. Then it ends as SIGPIPE ends others, by 128 + 13: a verification that was cut
  // off must not pass for one that found nothing.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(141);
  });
  const { runClaw } = await import("./commands/program.ts");
  process.exitCode = await runClaw(process.argv.slice(2));
}

export {};
