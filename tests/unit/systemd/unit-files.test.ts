import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { type Author, writeUnits } from "../../../lib/systemd/unit-files.ts";
import { marker, type Unit } from "../../../lib/systemd/unit.ts";

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-units-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe("files of units", () => {
  const names = (directory: string): string[] => readdirSync(directory).sort();
  const author: Author = {
    command: "claw timers systemd",
    config: "/etc/openclaw/openclaw.toml",
    names: /^openclaw-job-.*\.(timer|service)$/,
  };
  const other: Author = { ...author, config: "/other/openclaw.toml" };
  const unitsFor = ({ command, config }: Author, ...jobs: string[]): Unit[] =>
    jobs.flatMap((job) =>
      ["timer", "service"].map((kind) => ({
        name: `openclaw-job-${job}.${kind}`,
        text: `${marker(command, config)}\n[Unit]\n`,
      })),
    );
  const of = (...jobs: string[]): Unit[] => unitsFor(author, ...jobs);

  test("are written whole, left alone where they are as they should be, and removed with their job", (t) => {
    const directory = join(folder(t), "systemd/user");
    const first = writeUnits(directory, author, of("a", "b"));
    assert.deepEqual([...first.written].sort(), names(directory));
    assert.deepEqual(writeUnits(directory, author, of("a", "b")), { written: [], removed: [] });
    mkdirSync(join(directory, "timers.target.wants"));
    symlinkSync("../openclaw-job-b.timer", join(directory, "timers.target.wants/openclaw-job-b.timer"));
    const second = writeUnits(directory, author, of("a"));
    assert.deepEqual(
      [second.written, [...second.removed].sort()],
      [[], ["openclaw-job-b.service", "openclaw-job-b.timer"]],
    );
    assert.deepEqual(names(directory), ["openclaw-job-a.service", "openclaw-job-a.timer", "timers.target.wants"]);
    assert.deepEqual(names(join(directory, "timers.target.wants")), []);
  });

  test("of others are neither overwritten nor removed, and then nothing is changed", (t) => {
    const directory = folder(t);
    const mine = join(directory, "openclaw-job-a.timer");
    writeFileSync(mine, "[Timer]\n");
    writeUnits(directory, other, unitsFor(other, "z"));
    const others = names(directory);
    assert.throws(() => writeUnits(directory, author, of("b", "a")), {
      message: `${mine} was not written by \`claw timers systemd\` for ${author.config}: remove it, or give another --dir`,
    });
    assert.deepEqual(names(directory), others);
    writeUnits(directory, author, []);
    assert.deepEqual(names(directory), others);
    assert.equal(readFileSync(mine, "utf8"), "[Timer]\n");
  });
});
