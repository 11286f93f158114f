import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { Config } from "../../../lib/config/config.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { ConfigHolder } from "../../../lib/config/reload.ts";
import { configDirectory, secrets, tools, valid } from "./support.ts";

function holderOf(t: TestContext): { holder: ConfigHolder; write: (toml: string) => void } {
  const { file } = configDirectory(t, valid);
  const read = (): Config => loadConfig(file, { env: new Environment(secrets), tools });
  return { holder: new ConfigHolder(read(), read), write: (toml) => writeFileSync(file, toml) };
}

test("a changed config is taken whole, and listeners are told with both", (t) => {
  const { holder, write } = holderOf(t);
  const before = holder.current;
  const told: [Config, Config][] = [];
  const stop = holder.onChange((config, previous) => told.push([config, previous]));
  write(valid.replace('members = ["matrix:@me:home.example", ', "members = ["));
  assert.deepEqual(holder.reload(), { taken: true });
  assert.deepEqual(holder.current.groups.get("owners")?.members, ["telegram:123456789"]);
  assert.equal(before.groups.get("owners")?.members.length, 2);
  assert.deepEqual(told, [[holder.current, before]]);
  stop();
  assert.deepEqual(holder.reload(), { taken: true });
  assert.equal(told.length, 1);
});

test("an invalid config is refused whole with its problems, and the old one goes on", (t) => {
  const { holder, write } = holderOf(t);
  const before = holder.current;
  holder.onChange(() => assert.fail("nothing changed"));
  write(valid.replace('tools = ["*"]', 'tools = ["time_now"]').replace('backend = "main"', 'backend = "mian"'));
  const outcome = holder.reload();
  assert.ok(!outcome.taken);
  assert.match(outcome.reason, /agents\.ops\.backend: no backend is named "mian"/);
  assert.equal(holder.current, before);
});

test("a change that needs a restart is refused whole and named", (t) => {
  const { holder, write } = holderOf(t);
  const before = holder.current;
  write(`workers = 3\ndata_dir = "elsewhere"\n${valid}\n[listen]\nprivate = "127.0.0.1:9999"\n[database]\npool = 3\n`);
  assert.deepEqual(holder.reload(), {
    taken: false,
    reason: "data_dir, listen.private, database.pool, workers changed, which needs a restart; nothing was taken over",
  });
  assert.equal(holder.current, before);
});

test("another key is refused even where it is valid", (t) => {
  const { file } = configDirectory(t, valid);
  const withKey = (byte: number): Config =>
    loadConfig(file, {
      env: new Environment({ ...secrets, OPENCLAW_KEY: Buffer.alloc(32, byte).toString("base64") }),
      tools,
    });
  const holder = new ConfigHolder(withKey(1), () => withKey(2));
  assert.deepEqual(holder.reload(), {
    taken: false,
    reason: "key changed, which needs a restart; nothing was taken over",
  });
});

test("a listener that throws keeps no other from being told, and is not swallowed", (t) => {
  const { holder } = holderOf(t);
  const before = holder.current;
  let told = 0;
  holder.onChange(() => {
    throw new Error("listener failed");
  });
  holder.onChange(() => told++);
  assert.throws(
    () => holder.reload(),
    (error: unknown) => error instanceof AggregateError && /listener failed/.test(String(error.errors[0])),
  );
  assert.equal(told, 1);
  assert.notEqual(holder.current, before);
});
