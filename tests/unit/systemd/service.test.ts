import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  backupFolderOf,
  backupUnits,
  type ServiceOptions,
  serviceUnit,
  serviceUnits,
} from "../../../lib/systemd/service.ts";

const options: ServiceOptions = {
  manager: "system",
  config: "/etc/openclaw/openclaw.toml",
  app: "/opt/openclaw",
  node: "/opt/node",
  flags: ["--max-old-space-size=384"],
  environmentFiles: ["-/etc/openclaw/.env"],
  credentials: ["llm-api-key", "openclaw-key"],
  credentialsFolder: "/etc/openclaw/credentials",
  encrypted: false,
  stateDirectory: "openclaw",
  writable: [],
};
const lines = (change: Partial<ServiceOptions> = {}): string[] =>
  serviceUnit({ ...options, ...change }).text.split("\n");

describe("the gateway's unit", () => {
  test("runs it with the flags, the config, the files of variables and the credentials it is given", () => {
    for (const line of [
      "ExecStart=/opt/node --max-old-space-size=384 /opt/openclaw/functions/server.ts",
      "ExecStartPost=/opt/node /opt/openclaw/functions/claw.ts service wait --pid $MAINPID",
      "Environment=OPENCLAW_CONFIG=/etc/openclaw/openclaw.toml",
      "EnvironmentFile=-/etc/openclaw/.env",
      "LoadCredential=llm-api-key:/etc/openclaw/credentials/llm-api-key",
      "LoadCredential=openclaw-key:/etc/openclaw/credentials/openclaw-key",
      "StateDirectory=openclaw",
      "User=openclaw",
    ])
      assert.ok(lines().includes(line), line);
    assert.ok(
      lines({ encrypted: true }).includes(
        "LoadCredentialEncrypted=openclaw-key:/etc/openclaw/credentials/openclaw-key",
      ),
    );
  });

  test("is locked in by a user's manager too, as far as that can", () => {
    const user = lines({ manager: "user", stateDirectory: undefined });
    for (const line of ["NoNewPrivileges=yes", "RestrictNamespaces=yes", "WantedBy=default.target"])
      assert.ok(user.includes(line), line);
    assert.doesNotMatch(user.join("\n"), /DynamicUser|StateDirectory|Protect|network-online/);
  });

  test("takes no part of a path for a specifier, a variable or the end of a word", () => {
    const odd = lines({ app: '/srv/a b/50%/$HOME/"x"', writable: ["/srv/c d"], config: "/srv/a b/openclaw.toml" });
    assert.ok(
      odd.includes('ExecStart=/opt/node --max-old-space-size=384 "/srv/a b/50%%/$$HOME/\\"x\\"/functions/server.ts"'),
    );
    assert.ok(odd.includes('ReadWritePaths="/srv/c d"'));
    assert.ok(odd.includes('Environment="OPENCLAW_CONFIG=/srv/a b/openclaw.toml"'));
    assert.throws(() => lines({ app: "/srv/a\nb" }), /a unit cannot name a path of two lines/);
  });
});

test("a backup goes as the gateway's user, with its secrets, into a folder of its own", () => {
  const [service, timer] = backupUnits(options, {
    path: "/var/lib/openclaw-backup",
    stateDirectory: "openclaw-backup",
  });
  for (const line of [
    "ExecStart=/opt/node /opt/openclaw/functions/claw.ts backup --to /var/lib/openclaw-backup --keep 14",
    "LoadCredential=openclaw-key:/etc/openclaw/credentials/openclaw-key",
    "User=openclaw",
    "StateDirectory=openclaw openclaw-backup",
  ])
    assert.ok(service.text.split("\n").includes(line), line);
  assert.ok(timer.text.includes("\nPersistent=true\n"));
  for (const { name } of [service, timer, serviceUnit(options)]) assert.match(name, serviceUnits);
  assert.doesNotMatch("openclaw-job-brief.service", serviceUnits);
});

test("the folder that backups go to is read from the unit that was written for it", () => {
  for (const path of ["/var/lib/openclaw-backup", `/srv/of "ours" 100% for $5 \\ here`]) {
    const [{ name, text }] = backupUnits(options, { path, stateDirectory: undefined });
    assert.equal(backupFolderOf(new Map([[name, text]])), path);
  }
  assert.equal(backupFolderOf(new Map([["openclaw.service", serviceUnit(options).text]])), undefined);
});
