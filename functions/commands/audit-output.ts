import { once } from "node:events";

/** Whether a person looks at it: tables for a terminal, JSON lines for everything else. */
export const asTable = ({
  json = false,
  table = false,
}: {
  json?: boolean | undefined;
  table?: boolean | undefined;
}): boolean => !json && (table || process.stdout.isTTY === true);

/**
 * Writes a line of each item to stdout, as fast as they are taken. Where whoever reads them has gone (`… | head`), it ends
 * without a word, and so do the items.
 */
export async function writeLines<Item>(items: AsyncIterable<Item>, lineOf: (item: Item) => string): Promise<void> {
  const { stdout } = process;
  let failed: Error | undefined;
  const fail = (error: Error): void => void (failed ??= error);
  stdout.on("error", fail);
  try {
    for await (const item of items) {
      if (failed) break;
      if (!stdout.write(`${lineOf(item)}\n`)) await Promise.race([once(stdout, "drain"), once(stdout, "close")]);
    }
  } catch (thrown) {
    if (thrown !== failed) throw thrown;
  } finally {
    // What was written last may fail later still.
    setImmediate(() => stdout.off("error", fail));
  }
  if (failed && (failed as NodeJS.ErrnoException).code !== "EPIPE") throw failed;
}
