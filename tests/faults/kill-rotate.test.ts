import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { connect } from "../../lib/db/client.ts";
import { rotateKey } from "../../lib/keys/rotate-key.ts";
import { createKeyring, newKey } from "../../lib/seal.ts";
import { compileCache } from "../support/compile-cache.ts";
import { echo } from "../support/encrypted-stage.ts";
import { testEnvironment } from "../support/gateway.ts";
import type { KillAt } from "../support/process.ts";
import { createWorld, settled } from "./world.ts";

const root = join(import.meta.dirname, "../..");
const newKeyOfAll = newKey();

/** After the first few values, in the middle, before the commit; and behind it. */
const killPoints: readonly (KillAt & { readonly sealedWith: "old" | "new" })[] = [
  ...[1, 2, 4].map((nth) => ({ point: "keys.resealed", nth, sealedWith: "old" }) as const),
  { point: "keys.rotated", nth: 1, sealedWith: "new" },
];

describe("claw keys rotate, killed by SIGKILL", { concurrency: 2 }, () => {
  for (const { sealedWith, ...killAt } of killPoints)
    test(`at ${killAt.point} (${killAt.nth}), leaves all sealed with the ${sealedWith} key, and is done by another try`, async (t) => {
      const world = await createWorld({ script: echo });
      const marker = mkdtempSync(join(tmpdir(), "openclaw-rotate-"));
      t.after(async () => {
        await world.end();
        rmSync(marker, { recursive: true });
      });
      const { home, database } = world;
      const gateway = await home.start();
      for (const text of ["one", "two"]) {
        await world.say(1001, text);
        await world.heard(1001);
      }
      await settled(database);
      gateway.signal("SIGTERM");
      assert.equal(await gateway.exited, 0);

      const rotate = async (kill: boolean): Promise<number | NodeJS.Signals> => {
        const fault = kill ? ["--import", join(root, "tests/faults/kill-at.ts")] : [];
        const child = spawn(process.execPath, [...fault, join(root, "functions/claw.ts"), "keys", "rotate"], {
          stdio: ["ignore", "ignore", "inherit"],
          env: {
            ...compileCache,
            ...testEnvironment,
            OPENCLAW_CONFIG: home.config,
            DATABASE_URL: database.url,
            OPENCLAW_NEW_KEY: newKeyOfAll,
            ...(kill && { OPENCLAW_TEST_KILL: `${killAt.point} ${killAt.nth} ${join(marker, "killed")}` }),
          },
        });
        const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
        return code ?? signal ?? 0;
      };
      /** Whether a key opens all there is. */
      const opens = async (key: string): Promise<boolean> => {
        const sql = connect(database.url, { max: 1 });
        const change = { to: createKeyring(newKey()), now: new Date(), dryRun: true, leaveDamaged: false };
        try {
          const { values } = await rotateKey(sql, { ...change, from: createKeyring(key), tell: () => {} });
          return values > 4;
        } catch {
          return false;
        } finally {
          await sql.end();
        }
      };
      const old = testEnvironment["OPENCLAW_KEY"] ?? "";
      assert.equal(await rotate(true), "SIGKILL");
      assert.deepEqual([await opens(old), await opens(newKeyOfAll)], [sealedWith === "old", sealedWith === "new"]);

      assert.equal(await rotate(false), sealedWith === "old" ? 0 : 1);
      assert.deepEqual([await opens(old), await opens(newKeyOfAll)], [false, true]);
      await home.start({ environment: { OPENCLAW_KEY: newKeyOfAll } });
      await world.say(1001, "three");
      assert.match(await world.heard(1001), /three/);
    });
});
