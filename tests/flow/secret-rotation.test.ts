/** Secrets that are rotated while the gateway runs: both are taken for a while, and afterwards the new one alone. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { echo } from "../support/encrypted-stage.ts";
import type { StandInHomeserver } from "../support/homeserver.ts";
import {
  matrixAgent,
  matrixOwner,
  matrixReady,
  matrixRoom,
  startMatrixStandIn,
  withMatrix,
} from "../support/matrix-config.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { messageUpdate, person as telegramUser } from "../support/telegram-updates.ts";
import { until } from "../support/until.ts";

const first = {
  as_token: "canary-as-token-0123456789",
  hs_token: "canary-hs-token-0123456789",
  webhook_secret: "canary_webhook_secret_0123",
  token: "canary-openclaw-token-0123456789abcdef",
};
const second = {
  as_token: "canary-as-token-after",
  hs_token: "canary-hs-token-after",
  webhook_secret: "canary_webhook_secret_after",
  token: "canary-openclaw-token-after-0123456789",
};
type Name = keyof typeof first;
const names = Object.keys(first) as Name[];

let stage: Stage;
let homeserver: StandInHomeserver;
let directory: string;

/** Files that the config names for good, the previous ones too. */
const put = (name: string, value: string): void => writeFileSync(join(directory, name), `${value}\n`);

const reload = (): void => assert.deepEqual(stage.gateway.holder.reload(), { taken: true });

/** What an operator does: the new ones in place, the old ones moved, then SIGHUP. */
function rotate(...rotated: Name[]): void {
  for (const name of rotated) {
    put(`previous_${name}`, first[name]);
    put(name, second[name]);
  }
  reload();
}

function retire(...retired: Name[]): void {
  for (const name of retired) put(`previous_${name}`, "");
  reload();
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "openclaw-secrets-"));
  for (const name of names) put(name, first[name]);
  homeserver = await startMatrixStandIn();
  homeserver.createRoom({ id: matrixRoom, members: [matrixOwner, matrixAgent] });
  const file = (name: string): string => `${name} = { file = "${join(directory, name)}" }`;
  const both = (name: Name): string => `${file(name)}\n${file(`previous_${name}`)}`;
  stage = await startStage({
    token: both("token"),
    script: echo,
    config: (toml) =>
      withMatrix(toml, homeserver.url)
        .replace(/^as_token = .*$/m, both("as_token"))
        .replace(/^hs_token = .*$/m, both("hs_token"))
        .replace(/^webhook_secret = .*$/m, both("webhook_secret")),
  });
  const { gateway } = stage;
  homeserver.connect(gateway.publicUrl);
  await matrixReady(gateway);
});
after(async () => {
  await homeserver.close();
  await stage.stop();
  rmSync(directory, { recursive: true });
});
afterEach(() => {
  for (const name of names) {
    put(name, first[name]);
    put(`previous_${name}`, "");
  }
  homeserver.asToken = first.as_token;
  homeserver.hsToken = first.hs_token;
  reload();
});

/** One connection that is kept alive, and asks for one thing after the other. */
function keptAlive(): {
  status(url: string, options: { method: string; headers: object; body?: string }): Promise<number>;
  sockets(): number;
  end(): void;
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let sockets = 0;
  return {
    status: (url, { method, headers, body }) =>
      new Promise((resolve, reject) => {
        const asked = request(url, { agent, method, headers: { ...headers } }, (response) => {
          response.resume().on("end", () => resolve(response.statusCode ?? 0));
        });
        asked.on("socket", () => (sockets += asked.reusedSocket ? 0 : 1));
        asked.on("error", reject).end(body);
      }),
    sockets: () => sockets,
    end: () => agent.destroy(),
  };
}

/** How a request that shows a secret is answered, by one kept-alive connection for all of a test. */
const doors: Readonly<
  Record<
    "hs_token" | "webhook_secret" | "token",
    (connection: ReturnType<typeof keptAlive>, secret: string) => Promise<number>
  >
> = {
  hs_token: (connection, secret) =>
    connection.status(`${stage.gateway.publicUrl}/_matrix/app/v1/ping`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: "{}",
    }),
  webhook_secret: (connection, secret) =>
    connection.status(`${stage.gateway.publicUrl}/telegram/main`, {
      method: "POST",
      headers: { "x-telegram-bot-api-secret-token": secret },
      body: JSON.stringify(messageUpdate(telegramUser(6666), { id: 6666, type: "private" }, { text: "hi" })),
    }),
  token: (connection, secret) =>
    connection.status(`${stage.gateway.privateUrl}/jobs`, {
      method: "GET",
      headers: { authorization: `Bearer ${secret}` },
    }),
};

for (const name of ["hs_token", "webhook_secret", "token"] as const)
  test(`CVE-2026-45005: ${name} and the one before it are taken while both are there, and afterwards the new one alone, on one connection`, async () => {
    const connection = keptAlive();
    const is = async (secret: string): Promise<boolean> => (await doors[name](connection, secret)) === 200;
    assert.deepEqual([await is(first[name]), await is(second[name])], [true, false]);
    rotate(name);
    assert.deepEqual([await is(first[name]), await is(second[name])], [true, true]);
    for (const wrong of ["", `${first[name]}x`, first[name] + second[name], "previous"]) assert.ok(!(await is(wrong)));
    retire(name);
    assert.deepEqual([await is(first[name]), await is(second[name]), await is("")], [false, true, false]);
    assert.equal(connection.sockets(), 1);
    connection.end();
  });

test("with no token but a previous one, nobody is let in", async () => {
  put("previous_token", second.token);
  const { gateway } = stage;
  const connection = keptAlive();
  reload();
  assert.equal(await doors.token(connection, second.token), 200);
  put("token", "");
  assert.equal(gateway.holder.reload().taken, false);
  connection.end();
});

/** Says something in the room and waits for its answer. */
async function answered(text: string): Promise<void> {
  await homeserver.say(matrixRoom, matrixOwner, text);
  await homeserver.waitFor(({ content }) => content["body"] === `You said: ${text}`);
}

/** Until an answer was not taken; it is tried again in half a minute. */
const refusedOnce = (): Promise<unknown> =>
  until(
    () => stage.gateway.sql`select 1 from outbox where state = 'pending' and attempts > 0`,
    (rows) => rows.length === 1,
  );

/** As if that half minute were over. */
async function deliverNow(): Promise<void> {
  await stage.gateway.sql`
    with due as (update outbox set not_before = now() where state = 'pending' returning lane)
    select graphile_worker.add_job('deliver', json_build_object('lane', lane), job_key := 'deliver:' || lane) from due`;
}

/** A homeserver that was restarted with the new registration. */
function restartHomeserver(): void {
  homeserver.asToken = second.as_token;
  homeserver.hsToken = second.hs_token;
}

test("Matrix: the gateway first, then the homeserver: no push is refused, and every message is answered", async () => {
  const refused = homeserver.failedPushes;
  await answered("before");
  rotate("as_token", "hs_token");
  await answered("the homeserver has the old ones still");
  restartHomeserver();
  await answered("both have the new ones");
  retire("as_token", "hs_token");
  await answered("the old ones are gone");
  assert.equal(homeserver.failedPushes, refused);
});

test("Matrix: the homeserver first, then the gateway: what is said between waits at the homeserver, and is answered", async () => {
  const refused = homeserver.failedPushes;
  restartHomeserver();
  const waiting = answered("the gateway has the old ones still");
  await until(async () => homeserver.failedPushes > refused);
  rotate("as_token", "hs_token");
  await waiting;
  retire("as_token", "hs_token");
  await answered("and now");
});

test("Matrix: an answer on its way while the token is unknown is sent once it is known", async () => {
  homeserver.asToken = second.as_token;
  await homeserver.say(matrixRoom, matrixOwner, "in between");
  await refusedOnce();
  homeserver.hsToken = second.hs_token;
  rotate("as_token", "hs_token");
  await deliverNow();
  await homeserver.waitFor(({ content }) => content["body"] === "You said: in between");
  await until(
    () => stage.gateway.sql`select 1 from outbox where state <> 'sent'`,
    (rows) => rows.length === 0,
  );
});

test("Matrix: the old as_token is shown only where the new one is unknown, and never once it is gone", async () => {
  const shownSince = (from: number): (string | undefined)[] => homeserver.calls.slice(from).map(({ token }) => token);
  rotate("as_token");
  const still = homeserver.calls.length;
  await answered("unknown");
  assert.ok(shownSince(still).includes(first.as_token));
  homeserver.asToken = second.as_token;
  // A call that was refused a moment before is still to be repeated.
  await answered("settled");
  const known = homeserver.calls.length;
  await answered("known");
  assert.ok(shownSince(known).every((token) => token === second.as_token));
  retire("as_token");
  homeserver.asToken = "another one altogether";
  const retired = homeserver.calls.length;
  await homeserver.say(matrixRoom, matrixOwner, "lost for now");
  await refusedOnce();
  assert.ok(shownSince(retired).every((token) => token === second.as_token));
  homeserver.asToken = second.as_token;
  await deliverNow();
  await homeserver.waitFor(({ content }) => content["body"] === "You said: lost for now");
});
