/** Both deployments of the NixOS module, from the example house to units that systemd takes and a project that compose takes. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildHouse, type House, houseOf, installUnits, nixpkgs } from "./support/nix-house.ts";
import { type Nix, root, startNix } from "./support/nix.ts";
import { needs } from "./support/tools.ts";

const { skip, why } = needs("nix-instantiate", "systemd-analyze", "docker-compose");

const native = ["openclaw.nix", "native.nix"];

describe(`the NixOS module${why}`, { skip }, () => {
  let nix: Nix;
  before(() => {
    nix = startNix();
  });
  after(() => nix?.stop());

  const evaluate = (files: readonly string[], more?: string): House => nix.evaluate<House>(houseOf(files, more));
  const problems = (files: readonly string[], more: string): string[] =>
    nix.evaluate<string[]>(`(${houseOf(files, more)}).problems`);

  describe("native", () => {
    let house: House;
    let folder: string;
    let units: string;
    before(() => {
      house = evaluate(
        native,
        `{ services.openclaw = { backup.enable = true; settings.audit.recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"; }; }`,
      );
      folder = join(nix.directory, "native");
      buildHouse(nix, house, folder);
      units = join(folder, "units");
      installUnits(nix, join(folder, "openclaw-units/lib/systemd/system"), house.services, folder, units);
      // NixOS has it.
      writeFileSync(join(units, "postgresql.target"), "[Unit]\nDescription=PostgreSQL\n");
    });

    test("makes a config that claw check takes, with its files beside it", () => {
      assert.deepEqual(house.problems, []);
      assert.deepEqual(readdirSync(join(folder, "openclaw-config")).sort(), ["files", "openclaw.toml"]);
      const prompt = readFileSync(join(folder, "openclaw-config/files/agents-ops-prompt/ops.md"), "utf8");
      assert.equal(prompt, readFileSync(join(root, "nix/example/house/prompts/ops.md"), "utf8"));
    });

    test("makes units that systemd takes, locked in to an exposure of 2.0 at most", () => {
      const names = readdirSync(units).filter((name) => /\.(service|timer)$/.test(name));
      assert.deepEqual(names.sort(), [
        "openclaw-backup.service",
        "openclaw-backup.timer",
        "openclaw-job-morning-briefing.service",
        "openclaw-job-morning-briefing.timer",
        "openclaw.service",
      ]);
      const env = { ...process.env, SYSTEMD_UNIT_PATH: `${units}:` };
      const analyze = (...args: string[]): void => {
        const options = { env, encoding: "utf8" } as const;
        const { status, stdout, stderr } = spawnSync("systemd-analyze", args, options);
        assert.equal(status, 0, `${args.join(" ")}\n${stdout}${stderr}`);
      };
      analyze("verify", "--man=no", ...names.map((name) => join(units, name)));
      for (const name of names.filter((unit) => unit.endsWith(".service")))
        analyze("security", "--offline=true", "--threshold=20", "--no-pager", join(units, name));
    });

    test("starts them, and gives the service its secrets from outside of the store", () => {
      assert.deepEqual(house.services["openclaw"]?.wantedBy, ["multi-user.target"]);
      assert.deepEqual(house.timers["openclaw-job-morning-briefing"]?.wantedBy, ["timers.target"]);
      assert.deepEqual(house.timers["openclaw-backup"]?.wantedBy, ["timers.target"]);
      assert.match(readFileSync(join(units, "openclaw-job-morning-briefing.timer"), "utf8"), /^Persistent=true$/m);
      for (const name of ["openclaw", "openclaw-backup"]) {
        const lines = readFileSync(join(units, `${name}.service.d/overrides.conf`), "utf8").split("\n");
        for (const line of [
          "LoadCredential=openclaw-token:/etc/openclaw/secrets/openclaw-token",
          "EnvironmentFile=/etc/openclaw/secrets/openclaw.env",
          'Environment="DATABASE_URL=postgres://openclaw@localhost/openclaw?host=/run/postgresql"',
        ])
          assert.ok(lines.includes(line), `${line} in\n${lines.join("\n")}`);
      }
      const job = readFileSync(join(units, "openclaw-job-morning-briefing.service"), "utf8");
      assert.match(job, /^LoadCredential=openclaw-token:\/etc\/openclaw\/secrets\/openclaw-token$/m);
    });

    test("gives root a claw that has the service's config and secrets by their places alone", () => {
      const shims = join(folder, "shims");
      mkdirSync(shims);
      writeFileSync(join(shims, "systemd-run"), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
      const env = { PATH: `${shims}:${process.env["PATH"]}` };
      const words = execFileSync(join(folder, "bin/claw"), ["audit", "list", "--since", "1 day"], {
        env,
        encoding: "utf8",
      });
      for (const word of [
        "--property=EnvironmentFile=/etc/openclaw/secrets/openclaw.env",
        "--property=LoadCredential=openclaw-token:/etc/openclaw/secrets/openclaw-token",
        `--setenv=OPENCLAW_CONFIG=${folder}/openclaw-config/openclaw.toml`,
        "--setenv=DATABASE_URL=postgres://openclaw@localhost/openclaw?host=/run/postgresql",
      ])
        assert.ok(words.split("\n").includes(word), `${word} in\n${words}`);
      assert.ok(words.endsWith(`${folder}/openclaw/bin/claw\naudit\nlist\n--since\n1 day\n`));
    });

    test("with Synapse on the machine, writes its registration at boot, for Synapse's user and not as it", () => {
      const { services, synapse } = evaluate(
        native,
        `{ services.matrix-synapse.enable = true; services.openclaw.credentials = { matrix-as-token = "/run/secrets/as"; matrix-hs-token = "/run/secrets/hs"; }; }`,
      );
      const { serviceConfig } = services["openclaw-registration"] ?? {};
      assert.deepEqual(serviceConfig?.["LoadCredential"], [
        "",
        "matrix-as-token:/run/secrets/as",
        "matrix-hs-token:/run/secrets/hs",
      ]);
      // It is given the files of all secrets: Synapse's user must not be the one who runs it.
      assert.deepEqual(serviceConfig?.["EnvironmentFile"], ["", "/etc/openclaw/secrets/openclaw.env"]);
      assert.equal(serviceConfig?.["User"], undefined);
      assert.deepEqual(serviceConfig?.["CapabilityBoundingSet"], ["CAP_CHOWN"]);
      assert.match(
        String(serviceConfig?.["ExecStartPost"]),
        /\/chown '?matrix-synapse:'? \/run\/openclaw-registration\/appservice\.yaml \/run\/openclaw-registration$/,
      );
      assert.deepEqual(synapse["app_service_config_files"], ["/run/openclaw-registration/appservice.yaml"]);
    });
  });

  test("compose: makes a project that compose takes, with secrets by env_file, and timers of the user", () => {
    const folder = join(nix.directory, "compose");
    const secrets = join(folder, "secrets");
    mkdirSync(secrets, { recursive: true });
    writeFileSync(join(secrets, "openclaw.env"), "OPENCLAW_KEY=CANARY\n");
    writeFileSync(join(secrets, "postgres.env"), "POSTGRES_PASSWORD=CANARY\n");
    const example = readFileSync(join(root, "nix/example/house/compose.nix"), "utf8");
    const file = join(folder, "compose.nix");
    writeFileSync(file, example.replaceAll("/home/me/secrets", secrets));
    const house = evaluate(["openclaw.nix", file]);
    assert.deepEqual(house.problems, []);
    assert.deepEqual(house.users, { me: { linger: true } });
    buildHouse(nix, house, folder);

    // Debian has docker-compose, which is not yet a part of docker.
    const shims = join(folder, "shims");
    mkdirSync(shims);
    writeFileSync(join(shims, "docker"), '#!/bin/sh\nshift\nexec docker-compose "$@"\n', { mode: 0o755 });
    const env = { PATH: `${shims}:${process.env["PATH"]}`, HOME: folder, XDG_RUNTIME_DIR: folder };
    const text = execFileSync(join(folder, "bin/openclaw-compose"), ["config"], { env, encoding: "utf8" });
    const gateway = /^ {2}gateway:\n((?: {4}.*\n)+)/m.exec(text)?.[1] ?? "";
    assert.match(gateway, /OPENCLAW_KEY: CANARY/);
    assert.ok(gateway.includes(`${folder}/openclaw-config:/etc/openclaw:ro`), gateway);
    assert.match(gateway, /127\.0\.0\.1:8080:8080/);
    assert.match(gateway, /127\.0\.0\.1:8081:8081/);
    assert.match(/^ {2}postgres:\n((?: {4}.*\n)+)/m.exec(text)?.[1] ?? "", /POSTGRES_PASSWORD: CANARY/);
    assert.deepEqual(nix.storedWith("CANARY"), []);

    const name = "openclaw-job-morning-briefing";
    const units = join(folder, "openclaw-user-units/lib/systemd/user");
    assert.deepEqual(readdirSync(units).sort(), [`${name}.service`, `${name}.timer`]);
    assert.ok(
      readFileSync(join(units, `${name}.service`), "utf8").includes(
        `LoadCredential=openclaw-token:${secrets}/openclaw-token`,
      ),
    );
    for (const unit of [house.user.services["openclaw"], house.user.services[name], house.user.timers[name]])
      assert.deepEqual(unit?.unitConfig, { ConditionUser: "me" });
  });

  test("the virtual machine's test takes no broken pipe for a secret that is not there", () => {
    const script = nix.evaluate<string>(
      `(import ${root}/nix/vm-test.nix { lib = { }; pkgs.callPackage = _: _: { outPath = "/tests"; nodejs = "/node"; }; }).testScript`,
    );
    assert.match(script, /grep -\w+ -f \/var\/lib\/secrets\//);
    // Its commands run with pipefail: any part that fails would do, and grep -q breaks the pipe where it finds something.
    assert.doesNotMatch(script, /house\.fail\(|\| *grep -\w*q/);
  });

  test("the virtual machine's house has a config that claw check takes, and a timer", () => {
    // Its import of the module is ours already.
    const machine = `{ lib, pkgs, ... }: removeAttrs (import ${root}/nix/vm-test.nix { inherit lib pkgs; }).nodes.house [ "imports" ]`;
    const house = evaluate([], machine);
    const folder = join(nix.directory, "machine");
    assert.deepEqual(house.problems, []);
    buildHouse(nix, house, folder);
    const units = readdirSync(join(folder, "openclaw-units/lib/systemd/system")).sort();
    assert.deepEqual(units, ["openclaw-job-report.service", "openclaw-job-report.timer", "openclaw.service"]);
    assert.match(readFileSync(join(folder, "openclaw-config/prompts/agent-ops.md"), "utf8"), /homelab/);
  });

  test("refuses what cannot work or is not secret, all at once", () => {
    const found = problems(
      native,
      `{ services.openclaw = {
        settings = { key = "CANARY"; backends.main.transcription_model = "AGE-SECRET-KEY-1CANARY"; database.url.credential = "database-url"; };
        agents.two = { description = "Two"; instructions = "The password is postgres://me:CANARY@db/x"; };
        environmentFiles = [ ./CANARY ];
        credentials.other = "/nix/store/CANARY";
      }; }`,
    );
    for (const [key, problem] of [
      ["settings.key", "must be { env"],
      ["settings.backends.main.transcription_model", "looks like an age identity"],
      ["agents.two.instructions", "looks like a URL with a password"],
      ["environmentFiles", "is a path literal"],
      ["credentials.other", "is in /nix/store"],
      ["settings refer to credentials that are not there", "services.openclaw.credentials.database-url"],
    ] as const)
      assert.ok(
        found.some((message) => message.startsWith(`services.openclaw.${key}`) && message.includes(problem)),
        `${key} in\n${found.join("\n")}`,
      );
    assert.equal(found.length, 6);
    assert.doesNotMatch(found.join("\n"), /CANARY/);
    assert.match(problems(["openclaw.nix"], "{ }").join("\n"), /jobs need a token that timers can read/);
    const mixed = problems(
      ["openclaw.nix", "compose.nix"],
      '{ services.openclaw.credentials.openclaw-key = "/run/x"; }',
    );
    assert.match(mixed.join("\n"), /credentials are for the native deployment/);
  });

  test("lets no secret of settings get into the store, whatever is evaluated", () => {
    const secret = '{ services.openclaw.settings.backends.main.model = "sk-CANARY0123456789abcdef"; }';
    assert.throws(
      () => nix.evaluate(`(${houseOf(native, secret)}).builds`),
      /services\.openclaw\.settings\.backends\.main\.model: looks like an API key/,
    );
    assert.deepEqual(nix.storedWith("sk-CANARY"), []);
  });

  test(
    `is evaluated alike by nixpkgs' own library${nixpkgs === undefined ? " (skipped: OPENCLAW_NIXPKGS names no folder with its lib)" : ""}`,
    { skip: nixpkgs === undefined },
    () => {
      for (const deployment of ["native.nix", "compose.nix"]) {
        const files = ["openclaw.nix", deployment];
        const real = nix.evaluate<House>(houseOf(files, "{ }", `nixpkgs = ${nixpkgs};`));
        assert.deepEqual(real, evaluate(files));
      }
    },
  );
});
