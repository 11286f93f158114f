import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createMcpPins } from "../../../lib/ledger/mcp-pins.ts";
import { Connection } from "../../../lib/mcp/connection.ts";
import { shapeHash } from "../../../lib/mcp/shape.ts";
import { createLog } from "../../../lib/log.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { type McpHttpServer, startMcpHttp } from "../../support/mcp/http-server.ts";
import { type MinifluxApi, startMinifluxApi } from "../../support/miniflux-api.ts";
import { type PlaneApi, startPlaneApi } from "../../support/plane-api.ts";
import { type Served, serve } from "../sources/serve.ts";
import { examine, lineOf, nowhere } from "./support.ts";

const ics = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nEND:VCALENDAR\r\n";

describe("the doctor on sources", () => {
  let miniflux: MinifluxApi;
  let plane: PlaneApi;
  let others: Served;
  let mcp: McpHttpServer;
  let database: TestDatabase;
  let status = 200;
  before(async () => {
    [miniflux, plane, mcp, database, others] = await Promise.all([
      startMinifluxApi(),
      startPlaneApi(),
      startMcpHttp(),
      createTestDatabase(),
      serve(({ path }, response) => {
        response.writeHead(status).end(path.startsWith("/api/v2/alerts") ? "[]" : ics);
      }),
    ]);
  });
  after(async () => {
    await Promise.all([miniflux.stop(), plane.stop(), mcp.stop(), others.stop()]);
    await database.drop();
  });

  const tables = (url: { feeds?: string; tasks?: string; alerts?: string; ics?: string; mcp?: string }) => `
[tools.feeds]
url = "${url.feeds ?? miniflux.url}"
token = { env = "MINIFLUX_TOKEN" }
[tools.tasks]
url = "${url.tasks ?? plane.url}"
token = { env = "PLANE_TOKEN" }
workspace = "${plane.workspace}"
[tools.alerts]
url = "${url.alerts ?? others.url}"
[tools.calendar.calendars.home]
kind = "ics"
url = "${url.ics ?? `${others.url}/home.ics`}"
[mcp.demo]
url = "${url.mcp ?? mcp.url}"
[mcp.demo.tools.echo]
labels = []
effect = "idempotent"
`;
  const look = (more: string, environment: Record<string, string> = {}) =>
    examine(
      {
        more,
        environment: {
          MINIFLUX_TOKEN: miniflux.key,
          PLANE_TOKEN: plane.key,
          DATABASE_URL: database.url,
          ...environment,
        },
      },
      ["sources"],
    );

  test("each is asked for little, and told with what it has", async () => {
    miniflux.add({ title: "One" });
    const found = await look(tables({}));
    assert.match(lineOf(found, "sources.feeds"), /^ok: 1 unread, in \d+ ms$/);
    assert.match(lineOf(found, "sources.tasks"), /^ok: 2 projects: HOME, LAB, in \d+ ms$/);
    assert.match(lineOf(found, "sources.alerts"), /^ok: 0 alerts, in \d+ ms$/);
    assert.match(lineOf(found, "sources.calendar.home"), /^ok: 0 events today, in \d+ ms$/);
  });

  test("one that is down is a failure with the setting to look at", async () => {
    const found = await look(
      tables({ feeds: nowhere, tasks: nowhere, alerts: nowhere, ics: `${nowhere}/x.ics`, mcp: nowhere }),
    );
    const down = (title: string, key: string) =>
      `fail: ${title} did not answer (ECONNREFUSED) -> is it running, and is ${key}.url right?`;
    assert.equal(lineOf(found, "sources.feeds"), down("Miniflux", "tools.feeds"));
    assert.equal(lineOf(found, "sources.tasks"), down("Plane", "tools.tasks"));
    assert.equal(lineOf(found, "sources.alerts"), down("Alertmanager", "tools.alerts"));
    assert.equal(lineOf(found, "sources.calendar.home"), down('Calendar "home"', "tools.calendar.calendars.home"));
    assert.match(
      lineOf(found, "sources.mcp.demo"),
      /^fail: does not come up .* -> is the server running, and are mcp\.demo\.url/,
    );
  });

  test("one that refuses the credentials, or fails, says so", async () => {
    status = 500;
    const found = await look(tables({}), { MINIFLUX_TOKEN: "canary-wrong", PLANE_TOKEN: "canary-wrong-too" });
    status = 200;
    assert.match(
      lineOf(found, "sources.feeds"),
      /^fail: Miniflux answered 401 -> it refuses the key in tools\.feeds\.token; make one/,
    );
    assert.match(
      lineOf(found, "sources.tasks"),
      /^fail: Plane answered 40[13] -> it refuses the key in tools\.tasks\.token/,
    );
    assert.equal(lineOf(found, "sources.alerts"), "fail: Alertmanager answered 500 -> see its own log");
    assert.equal(lineOf(found, "sources.calendar.home"), 'fail: Calendar "home" answered 500 -> see its own log');
    assert.doesNotMatch(JSON.stringify(found), /canary/);
  });

  test("an MCP tool that is not pinned, or not as pinned, is told with the command", async () => {
    const line = async () => lineOf(await look(tables({})), "sources.mcp.demo");
    assert.match(await line(), /^warn: demo_echo is not pinned: not offered to any agent -> claw mcp pin demo$/);
    const reach = { kind: "http", url: mcp.url, headers: new Map() } as const;
    const connection = new Connection({
      server: { name: "demo", reach },
      log: createLog("silent"),
      clock: () => performance.now(),
    });
    const shape = (await connection.shapes(AbortSignal.timeout(5_000))).get("echo");
    await connection.stop();
    assert.ok(shape);
    const pins = createMcpPins(database.sql);
    await pins.put({ server: "demo", hash: "0".repeat(64), shape });
    assert.match(await line(), /^warn: demo_echo has changed since it was pinned/);
    await pins.put({ server: "demo", hash: shapeHash(shape), shape });
    assert.match(await line(), /^ok: \d+ tools, in \d+ ms; 1 as pinned$/);
  });
});
