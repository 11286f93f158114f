import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { lookAtRegistration } from "../../../lib/doctor/registration-file.ts";
import { registrationYaml } from "../../../lib/matrix/registration.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { testEnvironment } from "../../support/gateway.ts";
import type { StandInHomeserver } from "../../support/homeserver.ts";
import { matrixAgent, matrixOwner, matrixRoom, startMatrixStandIn, withMatrix } from "../../support/matrix-config.ts";
import { type Served, serve } from "../sources/serve.ts";
import { configIn, examine, lineOf, nowhere } from "./support.ts";

describe("the doctor on Matrix", () => {
  let homeserver: StandInHomeserver;
  let database: TestDatabase;
  /** Both listeners in one; what /_matrix answers is a test's. */
  let gateway: Served;
  let pinged = 200;

  before(async () => {
    database = await createTestDatabase();
    homeserver = await startMatrixStandIn();
    gateway = await serve(({ path }, response) => {
      response.writeHead(path === "/healthz" ? 200 : pinged).end("{}");
    });
    homeserver.addAgent(matrixAgent);
  });
  after(async () => {
    await Promise.all([homeserver.close(), gateway.stop()]);
    await database.drop();
  });
  beforeEach(() => {
    pinged = 200;
    homeserver.clearFaults();
    homeserver.connect(gateway.url);
  });

  const look = (
    only = "matrix",
    environment: Record<string, string> = {},
    edit: (toml: string) => string = String,
    url = homeserver.url,
  ) =>
    examine(
      { edit: (toml) => edit(withMatrix(toml, url)), environment: { DATABASE_URL: database.url, ...environment } },
      [only],
      gateway.url,
    );
  const states = (found: Awaited<ReturnType<typeof look>>) =>
    Object.fromEntries(found.map(({ name, state }) => [name, state]));

  test("a homeserver that knows us and reaches us is told so", async () => {
    const found = await look();
    assert.match(lineOf(found, "matrix.homeserver"), /^ok: http:\/\/\S+ answers in \d+ ms, Matrix v1\.11$/);
    assert.equal(lineOf(found, "matrix.as_token"), "ok: the homeserver knows us as @openclaw:home.example");
    assert.match(lineOf(found, "matrix.ping"), /^ok: the homeserver reaches us, in \d+ ms$/);
    assert.equal(lineOf(found, "matrix.ops.user"), `ok: ${matrixAgent}`);
  });

  test("a wrong as_token is one failure, and what rests on it is skipped", async () => {
    const found = await look("matrix", { MATRIX_AS_TOKEN: "canary-wrong-as-token-0123456789" });
    assert.match(
      lineOf(found, "matrix.as_token"),
      /^fail: the homeserver does not know matrix\.as_token -> is the registration in the homeserver's app_service_config_files/,
    );
    assert.deepEqual(states(found), {
      "matrix.homeserver": "ok",
      "matrix.as_token": "fail",
      "matrix.registration": "skipped",
      "matrix.ping": "skipped",
      "matrix.ops.user": "skipped",
      "matrix.ops.keys": "skipped",
      "matrix.ops.rooms": "skipped",
    });
    assert.doesNotMatch(JSON.stringify(found), /canary/);
  });

  test("a token of another user is told with both", async () => {
    const found = await look("matrix.as_token", {}, (toml) => `${toml}sender_localpart = "claw"\n`);
    assert.match(
      lineOf(found, "matrix.as_token"),
      /^fail: the token is @openclaw:home\.example's, the config says @claw:home\.example -> matrix\.sender_localpart/,
    );
  });

  test("a homeserver that is not there, or is none, is one failure with matrix.homeserver in it", async () => {
    const gone = await look("matrix", {}, String, nowhere);
    assert.match(
      lineOf(gone, "matrix.homeserver"),
      /^fail: http:\/\/127\.0\.0\.1:9 does not answer \(ECONNREFUSED\) -> is it running, and is matrix\.homeserver right/,
    );
    assert.deepEqual([...new Set(gone.slice(1).map(({ state }) => state))], ["skipped"]);
    assert.match(
      lineOf(await look("matrix.homeserver", {}, String, gateway.url), "matrix.homeserver"),
      /^fail: \S+ answers 200 to \/_matrix\/client\/versions -> matrix\.homeserver must be the client-server API/,
    );
  });

  test("an old homeserver is warned of", async () => {
    homeserver.fail({ path: /versions/, answer: { status: 200, body: { versions: ["r0.6.1", "v1.6"] } } });
    assert.match(
      lineOf(await look("matrix.homeserver"), "matrix.homeserver"),
      /^warn: .* is older than Matrix v1\.11 -> /,
    );
  });

  const faults: readonly (readonly [errcode: string, more: object, line: RegExp])[] = [
    [
      "M_CONNECTION_FAILED",
      {},
      /^fail: the homeserver cannot connect to the registration's url -> it must lead to listen\.public/,
    ],
    [
      "M_CONNECTION_TIMED_OUT",
      {},
      /^fail: the homeserver gets no answer at the registration's url in time -> it must lead/,
    ],
    ["M_URL_NOT_SET", {}, /^fail: the registration has no url -> write url = /],
    [
      "M_BAD_STATUS",
      { status: 403 },
      /^fail: the homeserver reaches us and is refused \(403\) -> matrix\.hs_token is not the hs_token/,
    ],
    [
      "M_BAD_STATUS",
      { status: 502 },
      /^fail: the homeserver is answered 502 at the registration's url, not by us -> it must lead/,
    ],
    [
      "M_FORBIDDEN",
      {},
      /^fail: the homeserver has as_token from another registration -> the registration's id must be "openclaw"$/,
    ],
    ["M_UNRECOGNIZED", {}, /^warn: the homeserver cannot be asked to ping \(Matrix v1\.7\) -> upgrade it/],
    [
      "M_UNKNOWN",
      {},
      /^fail: the homeserver was asked to ping, and it says 502 M_UNKNOWN -> see the homeserver's log$/,
    ],
  ];
  for (const [errcode, more, line] of faults)
    test(`a ping that ends in ${errcode} ${JSON.stringify(more)} has its remedy`, async () => {
      homeserver.fail({ path: /\/ping$/, answer: { status: 502, body: { errcode, error: "as told", ...more } } });
      assert.match(lineOf(await look("matrix.ping"), "matrix.ping"), line);
    });

  test("a gateway that refuses the homeserver's token, or is not reached, is seen by a real ping", async () => {
    pinged = 401;
    assert.match(lineOf(await look("matrix.ping"), "matrix.ping"), /refused \(401\) -> matrix\.hs_token/);
    homeserver.connect(nowhere);
    assert.match(lineOf(await look("matrix.ping"), "matrix.ping"), /^fail: the homeserver cannot connect/);
  });

  test("an agent whose user is not there, or not ours, is one failure", async () => {
    const found = await look("matrix.ops", {}, (toml) => toml.replace("agent_ops", "agent_new"));
    assert.match(
      lineOf(found, "matrix.ops.user"),
      /^fail: the homeserver does not let us act as @agent_new:home\.example \(M_FORBIDDEN\) -> the gateway makes the user when it starts/,
    );
    assert.deepEqual(
      found.slice(1).map(({ state }) => state),
      ["skipped", "skipped"],
    );
  });

  test("rooms an agent is not in, or that are not encrypted, are told with how to change that", async () => {
    assert.equal(
      lineOf(await look("matrix.ops.rooms"), "matrix.ops.rooms"),
      `warn: is not in ${matrixRoom} -> invite ${matrixAgent} to it: it joins by itself`,
    );
    homeserver.createRoom({ id: matrixRoom, members: [matrixOwner, matrixAgent] });
    assert.match(lineOf(await look("matrix.ops.rooms"), "matrix.ops.rooms"), /^ok: in 1 room of the config/);
    const strict = await look("matrix.ops.rooms", {}, (toml) => toml.replace(", require_encryption = false", ""));
    assert.match(
      lineOf(strict, "matrix.ops.rooms"),
      /^warn: !ops:home\.example is not encrypted, so nothing is read there -> turn encryption on in the room, or set agents\.ops\.matrix\.require_encryption = false$/,
    );
  });

  test("keys that do not agree with the homeserver's, or are not there, are told", async () => {
    assert.match(
      lineOf(await look("matrix.ops.keys"), "matrix.ops.keys"),
      /^fail: it has no keys yet -> see the gateway's log/,
    );
    await database.sql`
      insert into matrix_devices (user_id, device_id, epoch, holder, ed25519, master_key, pulled_at)
      values (${matrixAgent}, 'OPENCLAW', 1, 'somebody', 'canary', 'another', now())`;
    assert.match(
      lineOf(await look("matrix.ops.keys"), "matrix.ops.keys"),
      /^fail: the homeserver shows no identity of it -> .*claw matrix reset ops --identity/,
    );
  });

  test("an operator's room with none of ours in it is told", async () => {
    const found = await look("matrix.operator", {}, (toml) => `operator = "matrix:!away:home.example"\n${toml}`);
    assert.match(
      lineOf(found, "matrix.operator"),
      /^warn: nobody of ours is where operator says \(matrix:!away:home\.example\) -> invite an agent to that room$/,
    );
  });
});

describe("the doctor on the registration beside the config", () => {
  const folder = mkdtempSync(join(tmpdir(), "openclaw-doctor-registration-"));
  after(() => rmSync(folder, { recursive: true }));
  const config = configIn(folder, { edit: (toml) => withMatrix(toml, nowhere) });
  const registration = {
    id: "openclaw",
    url: "http://127.0.0.1:8080",
    as_token: testEnvironment["MATRIX_AS_TOKEN"] ?? "",
    hs_token: testEnvironment["MATRIX_HS_TOKEN"] ?? "",
    sender_localpart: "openclaw",
    namespaces: { users: [] },
  };
  const look = async (yaml: string): Promise<string> => {
    writeFileSync(join(folder, "appservice.yaml"), yaml);
    assert.ok(config.matrix);
    const { saw, state } = await lookAtRegistration(config, config.matrix);
    return `${state}: ${saw}`;
  };

  test("its tokens are the config's, however they are quoted", async () => {
    const { as_token, hs_token } = registration;
    assert.equal(await look(registrationYaml(registration)), "ok: appservice.yaml has the config's tokens");
    const plain = `as_token: '${as_token}'\nhs_token: ${hs_token} # secret\nsender_localpart: openclaw\n`;
    assert.equal(await look(plain), "ok: appservice.yaml has the config's tokens");
  });

  test("another token is told by its key, and not shown", async () => {
    assert.equal(
      await look(registrationYaml({ ...registration, hs_token: "canary-of-another" })),
      "fail: appservice.yaml has another hs_token than the config",
    );
    assert.equal(
      await look("as_token: x\n"),
      "fail: appservice.yaml has another as_token and hs_token and sender_localpart than the config",
    );
  });
});
