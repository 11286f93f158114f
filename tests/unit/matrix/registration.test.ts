import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Command } from "commander";
import type { CommandContext } from "../../../functions/commands/context.ts";
import { register } from "../../../functions/commands/matrix.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { namespaceRegex, registrationYaml, writeSecretFile } from "../../../lib/matrix/registration.ts";

const directory = mkdtempSync(join(tmpdir(), "openclaw-registration-"));
after(() => rmSync(directory, { recursive: true }));

describe("the registration", () => {
  test("the namespace is ours alone: nothing in the names is a pattern", () => {
    const regex = new RegExp(`^${namespaceRegex("agent_", "home.example")}$`);
    assert.ok(regex.test("@agent_ops:home.example"));
    for (const other of ["@agent_ops:homeXexample", "@agent:home.example", "@me:home.example"])
      assert.ok(!regex.test(other), other);
    assert.equal(namespaceRegex("a.b+", "[::1]:8448"), "@a\\.b\\+.*:\\[::1\\]:8448");
  });

  test("is YAML that names the namespaces and takes ephemeral events unlimited", () => {
    const users = [{ exclusive: true, regex: "@agent_.*:home\\.example" }];
    const yaml = registrationYaml({
      id: "openclaw",
      url: "http://127.0.0.1:8080",
      as_token: "a",
      hs_token: "b",
      sender_localpart: "openclaw",
      namespaces: { users },
    });
    for (const line of ["rate_limited: false", "receive_ephemeral: true", '      regex: "@agent_.*:home\\\\.example"'])
      assert.ok(yaml.split("\n").includes(line), line);
  });
});

describe("files with secrets", () => {
  test("are the owner's alone and are not replaced unasked", () => {
    const file = join(directory, "deep", "secret");
    writeSecretFile(file, "one", false);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.throws(() => writeSecretFile(file, "two", false), /is there already/);
    writeSecretFile(file, "two", true);
    assert.equal(readFileSync(file, "utf8"), "two");
  });

  test("are not written into a git work tree, nor through a link into one", () => {
    const tree = join(directory, "tree");
    mkdirSync(join(tree, ".git"), { recursive: true });
    symlinkSync(tree, join(directory, "link"));
    for (const place of [join(tree, "x"), join(tree, "new", "x"), join(directory, "link", "x")])
      assert.throws(() => writeSecretFile(place, "x", true), /git work tree/);
  });
});

describe("claw matrix register", () => {
  const run = async (...argv: string[]): Promise<string[]> => {
    const lines: string[] = [];
    const program = new Command("claw").exitOverride();
    const context: CommandContext = {
      env: new Environment({}),
      configFile: () => join(directory, "none.toml"),
      loadConfig: async () => {
        throw new Error("there is no config");
      },
      out: (line) => void lines.push(line),
      note: (line) => void lines.push(line),
    };
    register(program, context);
    await program.parseAsync(["matrix", "register", ...argv], { from: "user" });
    return lines;
  };

  test("works before there is a config, and shows no token unless asked", async () => {
    const out = join(directory, "registration.yaml");
    const env = join(directory, "tokens.env");
    const lines = await run("--server-name", "home.example", "--out", out, "--env", env, "--url", "http://gw:8080");
    const yaml = readFileSync(out, "utf8");
    const [, asToken = "", hsToken = ""] =
      /^MATRIX_AS_TOKEN=([0-9a-f]{64})\nMATRIX_HS_TOKEN=([0-9a-f]{64})\n$/.exec(readFileSync(env, "utf8")) ?? [];
    assert.ok(
      yaml.includes(`as_token: "${asToken}"`) && yaml.includes(`hs_token: "${hsToken}"`) && asToken !== hsToken,
    );
    assert.ok(yaml.includes('url: "http://gw:8080"'));
    assert.equal(statSync(env).mode & 0o777, 0o600);
    const text = lines.join("\n");
    assert.ok(!text.includes(asToken) && !text.includes(hsToken));
    assert.match(text, /app_service_config_files/);
    await assert.rejects(run("--server-name", "home.example", "--out", out), /is there already/);
    const shown = await run("--server-name", "home.example", "--out", out, "--force", "--print-tokens");
    assert.match(shown.join("\n"), /MATRIX_AS_TOKEN=[0-9a-f]{64}/);
    assert.ok(!readFileSync(out, "utf8").includes(asToken), "tokens are fresh each time");
  });

  test("refuses a place in the repository", async () => {
    const inside = join(import.meta.dirname, "never-written.yaml");
    if (isRepository()) await assert.rejects(run("--server-name", "home.example", "--out", inside), /git work tree/);
  });
});

/** Not so where the project was unpacked from an archive. */
function isRepository(): boolean {
  try {
    execFileSync("git", ["rev-parse", "--git-dir"], { cwd: import.meta.dirname, stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
