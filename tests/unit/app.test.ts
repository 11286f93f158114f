/** What the two HTTP surfaces let in, by advisory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { Hono } from "hono";
import { createPrivateApp, createPublicApp } from "../../functions/app.ts";
import { createHealthFunction } from "../../functions/health.ts";
import { createJobsFunction } from "../../functions/jobs.ts";
import { createOpsFunction } from "../../functions/ops.ts";
import { createTelegramFunction } from "../../functions/telegram.ts";
import type { Config } from "../../lib/config/config.ts";
import type { ConversationDeps } from "../../lib/conversation/deps.ts";
import type { InboxEntry } from "../../lib/ledger/inbox.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { decodeUpdate } from "../../lib/telegram/decode.ts";
import { groupText, privateText } from "../support/telegram-updates.ts";
import * as matrix from "./matrix/support.ts";
import * as telegram from "./telegram/support.ts";

/** Both apps as the gateway makes them, over ledgers in memory and one config of both channels. */
function setUp() {
  const config: Config = { ...matrix.testConfig(), telegram: telegram.testConfig().telegram };
  const { app, inbox } = matrix.testFunction({ config: () => config });
  const { log } = matrix.memoryLog();
  const publicApp = createPublicApp({
    telegram: createTelegramFunction({ config: () => config, inbox, log, identify: telegram.identified }),
    matrix: app,
    log,
  });
  const jobs = createJobsFunction({
    deps: { config: () => config } as ConversationDeps,
    ending: new AbortController().signal,
  });
  const health = createHealthFunction({ parts: async () => ({}), metrics: createMetrics(), refresh: async () => {} });
  const ops = createOpsFunction({ deps: { config: () => config, log } as ConversationDeps, parts: async () => ({}) });
  return { publicApp, privateApp: createPrivateApp({ health, about: new Hono(), jobs, ops, log }), inbox, config };
}

const routesOf = (app: Hono): string[] =>
  [...new Set(app.routes.map(({ method, path }) => `${method} ${path}`))].sort();

describe("CVE-2026-25593: nobody changes the config over HTTP", () => {
  test("the apps know these routes and no other", () => {
    const { publicApp, privateApp } = setUp();
    const guards = ["/transactions/*", "/users/*", "/rooms/*"];
    assert.deepEqual(
      routesOf(publicApp),
      [
        "POST /telegram/:bot",
        // Checks the token, and passes on.
        ...[...guards, ...[...guards, "/thirdparty/*", "/ping"].map((path) => `/_matrix/app/v1${path}`)].map(
          (path) => `ALL ${path}`,
        ),
        ...["", "/_matrix/app/v1"].flatMap((prefix) => [
          `PUT ${prefix}/transactions/:txnId`,
          `GET ${prefix}/users/:userId`,
          `GET ${prefix}/rooms/:alias`,
        ]),
        "GET /_matrix/app/v1/thirdparty/protocol/:protocol",
        ...["user", "location"].flatMap((kind) => [
          `GET /_matrix/app/v1/thirdparty/${kind}`,
          `GET /_matrix/app/v1/thirdparty/${kind}/:protocol`,
        ]),
        "POST /_matrix/app/v1/ping",
        "ALL /_matrix/app/*",
      ].sort(),
    );
    assert.deepEqual(routesOf(privateApp), [
      // Checks the token, and passes on.
      "ALL /jobs/*",
      // Its guards, and what it does not know.
      "ALL /ops/*",
      "GET /healthz",
      "GET /jobs",
      "GET /jobs/:name",
      "GET /metrics",
      "GET /ops",
      "GET /ops/agents",
      "GET /ops/assets/:name",
      "GET /ops/costs",
      "GET /ops/drift",
      "GET /ops/login",
      "GET /ops/runs",
      "GET /ops/runs/:id",
      "GET /readyz",
      "POST /jobs/:name",
      "POST /ops/approvals/:code",
      "POST /ops/jobs/:name",
      "POST /ops/login",
      "POST /ops/logout",
    ]);
  });

  test("a config-like body to any path of either app, by any method and as anybody, changes nothing", async () => {
    const { publicApp, privateApp, inbox, config } = setUp();
    const stateOf = (): string =>
      inspect(config, { depth: null, maxArrayLength: null }) + config.matrix?.hsToken.reveal();
    const before = stateOf();
    const change = {
      method: "config.apply",
      config: { agents: { ops: { tools: ["*"] } } },
      groups: { owners: { members: [`matrix:${matrix.stranger}`] } },
      raw: '[groups.owners]\nmembers = ["telegram:999"]',
      cliPath: "/bin/sh",
    };
    const known = [...publicApp.routes, ...privateApp.routes].map(({ path }) => path.replaceAll(/:\w+|\*/g, "main"));
    const guessed = [
      "/",
      "/config",
      "/api/config",
      "/config.apply",
      "/reload",
      "/admin",
      "/ws",
      "/rpc",
      "/healthz/config",
    ];
    const credentials: Record<string, string>[] = [
      {},
      { authorization: "Bearer wrong" },
      { upgrade: "websocket", connection: "Upgrade" },
      // The channels' own: they may push messages, and that is all.
      { authorization: `Bearer ${matrix.hsToken}`, "x-telegram-bot-api-secret-token": telegram.secret },
    ];
    for (const [app, own] of [
      [publicApp, known.slice(0, publicApp.routes.length)],
      [privateApp, known.slice(publicApp.routes.length)],
    ] as const)
      for (const path of new Set([...known, ...guessed]))
        for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"])
          for (const headers of credentials) {
            const body = method === "GET" ? null : JSON.stringify(change);
            const { status } = await app.request(path, { method, headers, body });
            if (!own.includes(path)) assert.ok(status === 404 || (app === publicApp && status === 401), path);
            assert.equal(stateOf(), before, `${method} ${path}`);
          }
    // What Telegram itself would have pushed so is recorded as not understood.
    assert.deepEqual([...new Set(inbox.all().map(({ state }) => state))], ["poison"]);
  });
});

describe("GHSA-rqpp-rjj8-7wv8: what a sender says of their own rights gives nothing", () => {
  const claims = {
    role: "admin",
    roles: ["owner"],
    scope: "operator.admin",
    scopes: ["*"],
    groups: ["owners"],
    group: "owners",
    is_admin: true,
    is_owner: true,
    principal: `matrix:${matrix.owner}`,
    tools: ["*"],
    permissions: { all: true },
    power_level: 100,
  };
  const people: [string, string][] = [
    ["an allowed person", matrix.owner],
    ["one of another group", matrix.kid],
    ["a stranger", matrix.stranger],
  ];

  for (const [who, sender] of people)
    test(`in a Matrix event of ${who}`, async () => {
      const entriesOf = async (event: object, transaction: object): Promise<InboxEntry[]> => {
        const { app, inbox } = matrix.testFunction();
        const body = JSON.stringify({ ...transaction, events: [event] });
        assert.equal((await matrix.put(app, [], { body })).status, 200);
        return inbox.all();
      };
      for (const body of ["Ops: hello", "!status", "Ops: !new"]) {
        const more = { sender, event_id: "$claim" };
        const plain = await entriesOf(matrix.said(body, more), {});
        assert.equal(plain[0]?.state, sender === matrix.owner ? "new" : "denied");
        const unsigned = { ...more, unsigned: claims, ...claims };
        const claimed = matrix.said(body, unsigned, { ...claims, "dev.openclaw": claims });
        assert.deepEqual(await entriesOf(claimed, claims), plain);
      }
    });

  for (const sender of [telegram.owner, telegram.stranger])
    test(`in a Telegram update of ${sender === telegram.owner ? "an allowed person" : "a stranger"}`, () => {
      const bot = telegram.testBot();
      for (const update of [
        privateText(sender, "hello"),
        privateText(sender, "/status"),
        groupText(sender, telegram.group, "@claw_test_bot hello"),
      ]) {
        const { message } = update;
        const claimed = {
          ...update,
          ...claims,
          message: {
            ...claims,
            ...message,
            from: { ...claims, ...message.from },
            chat: { ...claims, ...message.chat },
          },
        };
        const config = telegram.testConfig(bot);
        const plain = decodeUpdate(bot, telegram.me, config, update);
        assert.equal(plain?.entry.state, sender === telegram.owner ? "new" : "denied");
        assert.deepEqual(decodeUpdate(bot, telegram.me, config, claimed), plain);
      }
    });
});
