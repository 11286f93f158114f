import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Command } from "commander";
import type { CommandContext } from "../../../functions/commands/context.ts";
import { register } from "../../../functions/commands/matrix.ts";
import { Environment } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import { namespaceRegex, registrationYaml, urlInRegistration } from "../../../lib/matrix/registration.ts";
import { configDirectory, tools, valid } from "../config/support.ts";

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
    assert.equal(urlInRegistration(yaml), "http://127.0.0.1:8080");
    assert.equal(urlInRegistration(yaml.replace('id: "openclaw"', 'id: "other"')), undefined);
    for (const line of ["rate_limited: false", "receive_ephemeral: true", '      regex: "@agent_.*:home\\\\.example"'])
      assert.ok(yaml.split("\n").includes(line), line);
  });
});

describe("claw matrix register", () => {
  const run = (...argv: string[]): Promise<string[]> => runWith({}, join(directory, "none.toml"), ...argv);
  const runWith = async (secrets: Record<string, string>, file: string, ...argv: string[]): Promise<string[]> => {
    const lines: string[] = [];
    const program = new Command("claw").exitOverride();
    const env = new Environment(secrets);
    const context: CommandContext = {
      env,
      configFile: () => file,
      loadConfig: async (which) => loadConfig(file, { env, tools, secrets: which ?? "resolve" }),
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

  test("--keep-tokens writes what the config has, again and again, by the Matrix secrets alone", async (t) => {
    const { directory: folder, file } = configDirectory(t, valid);
    const tokens = { MATRIX_AS_TOKEN: "canary-as-token-one", MATRIX_HS_TOKEN: "canary-hs-token-one" };
    const out = join(folder, "appservice.yaml");
    const keep = (...argv: string[]): Promise<string[]> => runWith(tokens, file, "--keep-tokens", ...argv);
    const lines = await keep("--out", out, "--url", "http://gateway:8080");
    assert.deepEqual(lines, [`registration: ${out} (0600; url http://gateway:8080)`]);
    const first = readFileSync(out, "utf8");
    assert.ok(first.includes('as_token: "canary-as-token-one"\nhs_token: "canary-hs-token-one"\n'));
    assert.ok(first.includes("@agent_.*:home\\\\.example"));
    assert.equal(statSync(out).mode & 0o777, 0o600);

    assert.deepEqual(await keep("--group-readable"), [`registration: ${out} (0640; url http://gateway:8080)`]);
    assert.equal(readFileSync(out, "utf8"), first, "the one beside the config, and the url that is in it");
    assert.equal(statSync(out).mode & 0o777, 0o640);

    const other = join(folder, "other.yaml");
    writeFileSync(other, "not ours\n");
    await assert.rejects(keep("--out", other), /is there already/);
    await assert.rejects(keep("--env", other), /leave out --env/);
    await assert.rejects(runWith({}, file, "--keep-tokens", "--out", out), /MATRIX_AS_TOKEN is not set/);
    assert.equal(readFileSync(out, "utf8"), first);
  });

  test("--rotate moves the old tokens to the previous_ keys' variables, and leaves all else of the env_file as it was", async (t) => {
    const { directory: house, file } = configDirectory(
      t,
      valid.replace(
        'hs_token = { env = "MATRIX_HS_TOKEN" }',
        '$&\nprevious_as_token = { env = "AS_BEFORE" }\nprevious_hs_token = { env = "HS_BEFORE" }',
      ),
    );
    const [out, env] = [join(house, "appservice.yaml"), join(house, ".env")];
    writeFileSync(env, "# kept\nLLM_API_KEY='a $b'\nMATRIX_HS_TOKEN=old-hs\nMATRIX_AS_TOKEN=old-as\nHS_BEFORE=\n", {
      mode: 0o644,
    });
    const tokens = { MATRIX_AS_TOKEN: "old-as", MATRIX_HS_TOKEN: "old-hs" };
    await runWith(tokens, file, "--keep-tokens", "--out", out, "--url", "http://gw:8080");
    const lines = await runWith(tokens, file, "--rotate", "--out", out, "--env", env);
    const text = readFileSync(env, "utf8");
    const [, hsToken = "", asToken = ""] =
      /^# kept\nLLM_API_KEY='a \$b'\nMATRIX_HS_TOKEN=([0-9a-f]{64})\nMATRIX_AS_TOKEN=([0-9a-f]{64})\nHS_BEFORE=old-hs\nAS_BEFORE=old-as\n$/.exec(
        text,
      ) ?? [];
    assert.notEqual(asToken, "", text);
    assert.equal(statSync(env).mode & 0o777, 0o600);
    const yaml = readFileSync(out, "utf8");
    for (const line of [`as_token: "${asToken}"`, `hs_token: "${hsToken}"`, 'url: "http://gw:8080"'])
      assert.ok(yaml.includes(line), line);
    for (const secret of [asToken, hsToken, "old-as", "old-hs"]) assert.ok(!lines.join("\n").includes(secret));
    assert.match(lines.join("\n"), /1\. Restart every gateway.*2\. Give the homeserver.*3\. When \/readyz/s);

    const under = {
      ...tokens,
      MATRIX_AS_TOKEN: asToken,
      MATRIX_HS_TOKEN: hsToken,
      AS_BEFORE: "old-as",
      HS_BEFORE: "old-hs",
    };
    await assert.rejects(runWith(under, file, "--rotate", "--out", out, "--env", env), /a rotation is under way/);
    assert.equal(readFileSync(env, "utf8"), text);
    assert.equal(readFileSync(out, "utf8"), yaml);
  });

  test("--rotate says which keys must name variables, and wants the env_file", async (t) => {
    const { file, directory: house } = configDirectory(t, valid);
    const tokens = { MATRIX_AS_TOKEN: "old-as", MATRIX_HS_TOKEN: "old-hs" };
    await assert.rejects(
      runWith(tokens, file, "--rotate", "--env", join(house, ".env")),
      /matrix\.previous_as_token names none: write previous_as_token = \{ env = "MATRIX_AS_TOKEN_PREVIOUS" \}/,
    );
    await assert.rejects(runWith(tokens, file, "--rotate"), /--rotate wants the env_file by --env/);
  });

  test("--rotate changes nothing where it cannot write the registration, or would replace what is none of ours", async (t) => {
    const previous = '$&\nprevious_as_token = { env = "AS_BEFORE" }\nprevious_hs_token = { env = "HS_BEFORE" }';
    const { file, directory: house } = configDirectory(
      t,
      valid.replace('hs_token = { env = "MATRIX_HS_TOKEN" }', previous),
    );
    const tokens = { MATRIX_AS_TOKEN: "old-as", MATRIX_HS_TOKEN: "old-hs" };
    const [env, other, tree] = [join(house, ".env"), join(house, "other.yaml"), join(house, "tree")];
    writeFileSync(env, "MATRIX_HS_TOKEN=old-hs\n");
    writeFileSync(other, "not ours\n");
    mkdirSync(join(tree, ".git"), { recursive: true });
    for (const [out, why] of [
      [other, /other\.yaml is there already: --force replaces it/],
      [join(tree, "appservice.yaml"), /git work tree/],
    ] as const)
      await assert.rejects(runWith(tokens, file, "--rotate", "--out", out, "--env", env), why);
    assert.equal(readFileSync(env, "utf8"), "MATRIX_HS_TOKEN=old-hs\n");
    assert.equal(readFileSync(other, "utf8"), "not ours\n");
    // Past these, the tokens are changed already, and what is left to do is said.
    await assert.rejects(
      runWith(tokens, file, "--rotate", "--out", join(other, "appservice.yaml"), "--env", env),
      /appservice\.yaml cannot be written: EEXIST.*\.env has the new tokens already: .*--keep-tokens/,
    );
    assert.match(readFileSync(env, "utf8"), /^HS_BEFORE=old-hs$/m);
  });

  test("writes no registration whose tokens would be nowhere else", async () => {
    const out = join(directory, "lost.yaml");
    const tree = join(directory, "tree");
    mkdirSync(join(tree, ".git"), { recursive: true });
    const env = join(tree, "tokens.env");
    await assert.rejects(
      run("--server-name", "home.example", "--out", out, "--env", env),
      /tokens\.env .*git work tree/,
    );
    assert.ok(!existsSync(out));
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
