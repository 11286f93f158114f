import assert from "node:assert/strict";
import { test } from "node:test";
import type { Key } from "../../../lib/init/answers.ts";
import { nextSteps } from "../../../lib/init/steps.ts";
import { answersOf, least, most } from "./support.ts";

const stepsOf = async (
  values: Partial<Record<Key, string>>,
  directory = "/srv/claw/config",
  bot: string | undefined = "home_bot",
): Promise<string> => nextSteps({ answers: await answersOf(values), directory, from: "/srv/claw", bot });

test("here: Synapse, BotFather, start, each with this house's own values", async () => {
  assert.equal(
    await stepsOf(most),
    `Keep a copy of OPENCLAW_KEY (in /srv/claw/config/.env) elsewhere: nothing that is stored opens without it.

1. Synapse: add this to homeserver.yaml, and restart it
     app_service_config_files:
       - /srv/claw/config/appservice.yaml
   (or a copy of it that Synapse's user can read, and nobody else)

2. Telegram: in @BotFather, /setjoingroups, @home_bot, Disable, so that nobody can add it to a group
   Your reverse proxy: pass https://claw.example/telegram/home to http://127.0.0.1:8080/telegram/home
   (docs/reverse-proxy.md has Caddy and nginx)

3. Start it:
     npm start
   and, in a second terminal, once it says that it is ready:
     npx claw matrix provision
     npx claw telegram set-webhook
     npx claw doctor`,
  );
});

test("the proxy and the homeserver are led to where the gateway listens", async () => {
  for (const [listenPublic, url] of [
    ["127.0.0.1:9090", "http://127.0.0.1:9090"],
    ["0.0.0.0:9090", "http://127.0.0.1:9090"],
    ["[::1]:9090", "http://[::1]:9090"],
    ["192.0.2.1:80", "http://192.0.2.1:80"],
  ] as const) {
    const values = { ...most, listenPublic };
    assert.ok((await stepsOf(values)).includes(`to ${url}/telegram/home\n`), listenPublic);
    assert.equal((await answersOf(values)).appserviceUrl, url);
  }
  const inside = { ...most, deployment: "compose", listenPublic: "0.0.0.0:9090" };
  assert.equal((await answersOf(inside)).appserviceUrl, "http://gateway:9090");
});

test("what does not apply is left out, and what was left open is said", async () => {
  const matrix = await stepsOf({ ...least, alertsUrl: "http://127.0.0.1:9093" });
  assert.doesNotMatch(matrix, /Telegram|set-webhook/);
  assert.match(
    matrix,
    /3\. The jobs \(morning-briefing\) are written, and off.*\n.*\n +npx claw matrix provision --create-room Reports --agent ops --invite @me:home\.example\n/,
  );
  const { matrixUser: _, matrixRoom: __, telegramUser: ___, ...telegram } = most;
  const stranger = await stepsOf(telegram, undefined, "");
  assert.doesNotMatch(stranger, /Synapse|provision/);
  assert.match(stranger, /3\. Your Telegram id: write to the bot once it runs/);
  assert.match(stranger, /Until then it answers nobody/);
  assert.match(stranger, /4\. The jobs \(morning-briefing, weekly-digest, task-review\).*\n +Put your Telegram id/);
});

test("compose and systemd: their own commands, and folders that are not the usual ones are named", async () => {
  const compose = await stepsOf({ ...most, deployment: "compose" });
  assert.match(compose, /- \/openclaw\/appservice\.yaml/);
  assert.match(compose, /^ +docker compose up -d\n +docker compose exec gateway claw matrix provision$/m);
  assert.match(
    await stepsOf({ ...most, deployment: "compose" }, "/srv/a b"),
    /OPENCLAW_DIR='\/srv\/a b' docker compose up/,
  );
  const inside = await stepsOf({ ...most, deployment: "compose" }, "/etc/openclaw");
  assert.match(inside, /\(in config\/\.env\)[^]*^ +docker compose up -d$/m);
  assert.match(await stepsOf(most, "/srv/claw/other"), /OPENCLAW_CONFIG=other\/openclaw\.toml npm start/);
  assert.match(await stepsOf(most, "/etc/claw"), /npx claw --config \/etc\/claw\/openclaw\.toml doctor/);
  const systemd = await stepsOf({ ...most, deployment: "systemd" }, "/etc/openclaw");
  assert.match(systemd, /^ +claw service systemd --dir \/etc\/systemd\/system\n +systemctl daemon-reload/m);
  assert.match(systemd, /sed -n 's\/\^OPENCLAW_TOKEN=\/\/p' \/etc\/openclaw\/\.env >\/etc\/openclaw\/token/);
  assert.match(systemd, /^ +claw timers systemd --dir \/etc\/systemd\/system$/m);
  assert.match(
    await stepsOf({ ...most, deployment: "systemd" }, "/srv/a b"),
    /'\/srv\/a b\/\.env' >'\/srv\/a b\/token'\).*timers systemd --dir \/etc\/systemd\/system --token-file '\/srv\/a b\/token'$/ms,
  );
  const locked = await stepsOf({ ...most, deployment: "systemd", credentials: "yes" }, "/etc/openclaw");
  assert.match(locked, /in \/etc\/openclaw\/credentials\/openclaw-key/);
  assert.doesNotMatch(locked, /OPENCLAW_TOKEN/);
  const { matrixRoom: _, telegramUser: __, ...homeless } = most;
  const quiet = await stepsOf({ ...homeless, deployment: "systemd" }, "/etc/openclaw");
  assert.doesNotMatch(quiet, /timers systemd/, "jobs that are off have no timers");
  assert.match(quiet, /take the "#" from their lines in .*\n +Their timers are made then: docs\/deploy-systemd\.md\./);
  assert.doesNotMatch(compose + systemd + locked, /canary/);
});
