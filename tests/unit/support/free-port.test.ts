import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { freePort } from "../../support/free-port.ts";

const file = join(import.meta.dirname, "../../support/free-port.ts");

test("a port that was given to a process is given to no other, though nobody listens on it yet", async () => {
  const pairs = Array.from({ length: 10 }, (_, index): [number, number] => [32_000 + 2 * index, 32_002 + 2 * index]);
  const ours: number[] = [];
  for (const pair of pairs) ours.push(await freePort(pair));
  const program = `
    const { freePort } = await import(${JSON.stringify(file)});
    for (const pair of ${JSON.stringify(pairs)}) console.log(await freePort(pair));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  const theirs = stdout.trim().split("\n").map(Number);
  assert.deepEqual(
    theirs,
    pairs.map(([one, end], index) => (ours[index] === one ? end - 1 : one)),
  );
});
