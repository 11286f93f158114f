/** Requests to both listeners that no client of ours sends: each is answered, none as a failure of the gateway's own. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testEnvironment } from "../support/gateway.ts";
import { type OpsStage, startOpsStage } from "../support/ops/stage.ts";

let stage: OpsStage;
let cookie = "";

before(async () => {
  stage = await startOpsStage();
  cookie = await stage.login();
});
after(() => stage.stop());

const token = { authorization: `Bearer ${testEnvironment["OPENCLAW_TOKEN"]}` };
const odd = ["%00", "a%00b", "%ED%A0%80", "%", "%zz", "%E0%A4%A", "__proto__", "constructor", "1e999", "-1", "%FF%FE"];
const times = ["275760-09-13T00:00", "+999999-01-01", "0000-00-00T00:00", "2026-02-30T25:61", "9999999999999999"];

async function statusOf(path: string, options: RequestInit): Promise<number> {
  const answer = await fetch(stage.url + path, { redirect: "manual", ...options });
  await answer.text();
  return answer.status;
}

async function expectAnswered(asked: readonly (readonly [path: string, options?: RequestInit])[]): Promise<void> {
  for (const [path, options = {}] of asked) {
    const status = await statusOf(path, { ...options, headers: { ...token, ...options.headers } });
    assert.ok(status < 500, `${options.method ?? "GET"} ${path}: ${status}`);
  }
  assert.ok(!stage.gateway.log().includes('"request failed"'));
  assert.equal(await statusOf("/ops", { headers: { cookie } }), 200);
}

describe("a request that nobody means", () => {
  const names = [
    "agent",
    "principal",
    "tool",
    "job",
    "trigger",
    "state",
    "denied",
    "since",
    "until",
    "request",
    "cost",
  ];
  test("to a list, with any value of any field", () =>
    expectAnswered([
      ...[...names, "after"].flatMap((name) => odd.map((value) => [`/ops/runs?${name}=${value}`] as const)),
      ...["since", "until"].flatMap((name) =>
        times.map((value) => [`/ops/runs?${name}=${encodeURIComponent(value)}`] as const),
      ),
      [`/ops/runs?${"agent=a&".repeat(500)}`],
    ]));

  test("to a page, of any name", () =>
    expectAnswered(
      odd.flatMap((value) => [
        [`/ops?question=${value}`] as const,
        [`/ops?job=${value}`] as const,
        [`/ops/runs/${value}`] as const,
        [`/ops/assets/${value}`] as const,
        [`/ops/costs?by=${value}&days=${value}`] as const,
        [`/ops/drift?agent=${value}`] as const,
        [`/ops/login?link=${value}`] as const,
        [`/jobs/${value}`] as const,
      ]),
    ));

  test("to an act, with any name and any body", () =>
    expectAnswered(
      odd.flatMap((value) => [
        [`/jobs/${value}`, { method: "POST" }] as const,
        [`/jobs/morning-briefing?dry=1&slot=${value}`, { method: "POST" }] as const,
        [`/ops/jobs/${value}`, { method: "POST" }] as const,
        [`/ops/approvals/${value}`, { method: "POST", body: new URLSearchParams({ answer: "approve" }) }] as const,
      ]),
    ));

  const bodies: Record<string, string> = {
    "multipart/form-data": "x",
    "multipart/form-data; boundary=": "--\r\n",
    "multipart/form-data; boundary=x": "--x\r\nContent-Disposition: form-data; name=",
    "application/x-www-form-urlencoded": "link=%00&link=%ED%A0%80&token[__proto__]=1&__proto__=2",
    "application/json": '{"__proto__":{"a":1}}',
  };
  test("with a body that is not what it says, of a stranger and of a session", async () => {
    const asked = Object.entries(bodies).flatMap(([type, body]) =>
      [{}, { cookie, origin: stage.url }].flatMap((who) =>
        ["/ops/login", "/ops/logout", "/ops/jobs/x", "/ops/approvals/x"]
          .filter((path) => path !== "/ops/logout" || type !== "application/x-www-form-urlencoded")
          .map(
            (path) =>
              [
                path,
                {
                  method: "POST",
                  body,
                  headers: { origin: stage.url, ...who, authorization: "", "content-type": type },
                },
              ] as const,
          ),
      ),
    );
    await expectAnswered(asked);
  });

  test("with any cookie, header and method", () =>
    expectAnswered([
      ...["openclaw_ops=%", "openclaw_ops=%00", "openclaw_ops", "=", ";;;", `openclaw_ops=${"a".repeat(8_000)}`].map(
        (value) => ["/ops", { headers: { cookie: value } }] as const,
      ),
      ["/ops", { headers: { authorization: "Bearer " + "a".repeat(8_000) } }],
      ...["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"].map(
        (method) => ["/jobs/morning-briefing", { method }] as const,
      ),
    ]));
});
