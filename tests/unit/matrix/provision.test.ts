import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { newKey } from "../../../lib/seal.ts";
import { compileCache } from "../../support/compile-cache.ts";
import { startHomeserver, type StandInHomeserver } from "../../support/homeserver.ts";
import { ops, owner } from "./support.ts";

const root = join(import.meta.dirname, "../../..");
const directory = mkdtempSync(join(tmpdir(), "openclaw-provision-"));
let homeserver: StandInHomeserver;
before(async () => {
  homeserver = await startHomeserver();
});
after(async () => {
  await homeserver.close();
  rmSync(directory, { recursive: true });
});

/** The shipped command, as its own process: the bridge keeps things of its own alive and writes to the console. */
function claw(...argv: string[]): Promise<{ code: number; output: string }> {
  const env = {
    ...compileCache,
    PATH: process.env["PATH"],
    OPENCLAW_CONFIG: join(directory, "openclaw.toml"),
    OPENCLAW_KEY: newKey(),
    AS: homeserver.asToken,
    HS: "hs-token-canary",
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ["functions/claw.ts", ...argv], { cwd: root, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

function configure(rooms: readonly string[]): void {
  writeFileSync(join(directory, "prompt.md"), "You watch.\n");
  writeFileSync(join(directory, "face.png"), Buffer.from("89504e470d0a1a0a", "hex"));
  writeFileSync(
    join(directory, "openclaw.toml"),
    `[matrix]
homeserver = "${homeserver.url}"
server_name = "home.example"
as_token = { env = "AS" }
hs_token = { env = "HS" }
[backends.main]
base_url = "http://127.0.0.1:1"
model = "m"
[groups.owners]
members = ["matrix:${owner}"]
agents = ["*"]
[agents.ops]
description = "Ops"
backend = "main"
prompt = "prompt.md"
matrix = { localpart = "agent_ops", display_name = "Ops", avatar = "face.png", rooms = ${JSON.stringify(rooms)} }
`,
  );
}

test("users, devices, names, avatars and rooms are made, and what is missing is said with the id to invite", async () => {
  const open = homeserver.createRoom({ members: [owner] });
  const closed = homeserver.createRoom({ members: [owner] });
  const secret = homeserver.createRoom({ members: [owner], encrypted: true });
  configure([open, closed, secret]);
  for (const room of [open, secret]) void homeserver.invite(room, ops, owner);
  const first = await claw("matrix", "provision");
  assert.equal(first.code, 0, first.output);
  assert.match(first.output, /display name: "Ops"\n {2}avatar: mxc:\/\/home\.example\//);
  assert.ok(
    first.output.includes(`  ${open}: joined, but it is not encrypted: turn encryption on there`),
    first.output,
  );
  assert.ok(first.output.includes(`${closed}: not joined yet: invite ${ops} to it`), first.output);
  assert.ok(first.output.includes(`  ${secret}: joined\n`), first.output);
  assert.match(first.output, /keys: none yet: the gateway makes and signs them when it runs/);
  assert.equal(homeserver.membership(open, ops), "join");

  void homeserver.invite(closed, ops, owner);
  const second = await claw("matrix", "provision");
  assert.equal(second.code, 0, second.output);
  assert.match(second.output, /display name: "Ops" already\n {2}avatar: .* is kept/);
  assert.ok(second.output.includes(`  ${secret}: joined already\n`));
  for (const { output } of [first, second])
    for (const token of [homeserver.asToken, "hs-token-canary"]) assert.ok(!output.includes(token));
});

test("a step that fails is told, the others are done, and the exit code says so", async () => {
  configure([]);
  homeserver.fail({ path: /\/upload$/, times: 1, answer: { status: 413, body: { errcode: "M_TOO_LARGE" } } });
  const { code, output } = await claw("matrix", "provision", "--avatars");
  assert.equal(code, 1);
  assert.match(output, /avatar: FAILED: 413 M_TOO_LARGE/);
  assert.match(output, /1 of the steps above failed/);
});

test("a wrong token is said plainly", async () => {
  configure([]);
  homeserver.fail({ path: /whoami/, times: 1, answer: { status: 401, body: { errcode: "M_UNKNOWN_TOKEN" } } });
  const { code, output } = await claw("matrix", "provision");
  assert.equal(code, 1);
  assert.match(output, /does not know matrix\.as_token: is the registration in its app_service_config_files/);
});
