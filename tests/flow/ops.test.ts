/** The ops page as requests see it: who gets in, what is shown, what can be changed. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeLink } from "../../lib/ledger/ops-sessions.ts";
import { claw } from "../support/claw.ts";
import { testEnvironment } from "../support/gateway.ts";
import { type OpsStage, startOpsStage } from "../support/ops/stage.ts";
import { until } from "../support/until.ts";

let stage: OpsStage;
let cookie = "";

before(async () => {
  stage = await startOpsStage();
  cookie = await stage.login();
});
after(() => stage.stop());

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function ask(path: string, options: RequestInit = {}): Promise<Answer> {
  const answer = await fetch(stage.url + path, { redirect: "manual", ...options });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

const read = (path: string): Promise<Answer> => ask(path, { headers: { cookie } });

const send = (path: string, body: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(path, { method: "POST", headers: { origin: stage.url, ...headers }, body: new URLSearchParams(body) });

/** The token that the forms of this session carry. */
async function formToken(): Promise<string> {
  return /name="token"\s+value="([\w-]+)"/.exec((await read("/ops")).text)?.[1] ?? "";
}

const bearer = { authorization: `Bearer ${testEnvironment["OPENCLAW_TOKEN"]}` };
const views = ["/ops", "/ops/runs", "/ops/costs", "/ops/drift", "/ops/agents"];

describe("who gets in", () => {
  test("a link logs in once, by its button alone, and only its hash is kept", async () => {
    const link = await makeLink(stage.gateway.sql);
    for (let time = 0; time < 2; time += 1) {
      const shown = await ask(`/ops/login?link=${link}`);
      assert.equal(shown.status, 200);
      assert.match(shown.text, new RegExp(`name="link" value="${link}"`));
    }
    const used = await send("/ops/login", { link });
    assert.deepEqual([used.status, used.headers.get("location")], [303, "/ops"]);
    const set = used.headers.get("set-cookie") ?? "";
    assert.match(set, /^openclaw_ops=[\w-]{43}; Max-Age=43200; Path=\/ops; HttpOnly; SameSite=Strict$/);
    const again = await send("/ops/login", { link });
    assert.deepEqual([again.status, again.headers.get("set-cookie")], [401, null]);
    const kept = JSON.stringify(await stage.gateway.sql`select encode(hash, 'escape') as hash, * from ops_sessions`);
    assert.ok(!kept.includes(link) && !kept.includes(set.slice(13, 56)));
    assert.ok(!stage.gateway.log().includes(link));
  });

  test("of two who come with one link at once, one gets in", async () => {
    const link = await makeLink(stage.gateway.sql);
    const answers = await Promise.all(Array.from({ length: 6 }, () => send("/ops/login", { link })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 401, 401, 401, 401, 401]);
  });

  test("a link that is too old logs nobody in", async () => {
    const link = await makeLink(stage.gateway.sql);
    await stage.gateway
      .sql`update ops_sessions set expires_at = now() - interval '1 second' where kind = 'link' and not used`;
    assert.equal((await send("/ops/login", { link })).status, 401);
  });

  test("a stranger, a forged cookie, a link as a cookie and a wrong token are shown the login alone, and change nothing", async () => {
    const link = await makeLink(stage.gateway.sql);
    const strangers: Record<string, string>[] = [
      {},
      { cookie: "openclaw_ops=forged" },
      { cookie: `openclaw_ops=${link}` },
      { authorization: "Bearer wrong" },
      // A browser's cookie is what it sends by itself: a token beside it does not count.
      { cookie: "openclaw_ops=forged", ...bearer },
    ];
    for (const headers of strangers)
      for (const path of [...views, `/ops/runs/${stage.runs.usual}`, "/ops/nothing"]) {
        const { status, text } = await ask(path, { headers });
        assert.equal(status, 401, path);
        assert.match(text, /claw ops link/);
        assert.doesNotMatch(text, /telegram:|DiskAlmostFull/);
      }
    for (const path of ["/ops/approvals/abcd", "/ops/jobs/night-check", "/ops/logout"])
      assert.equal((await send(path, {})).status, 401, path);
  });

  test("listen.token reads and asks for jobs, as scripts do, and decides no question", async () => {
    for (const path of views) assert.equal((await ask(path, { headers: bearer })).status, 200, path);
    assert.equal((await ask("/ops/jobs/nothing", { method: "POST", headers: bearer })).status, 404);
    const body = new URLSearchParams({ answer: "approve" });
    const refused = await ask("/ops/approvals/abcd", { method: "POST", headers: bearer, body });
    assert.equal(refused.status, 403);
    assert.match(refused.text, /claw ops link/);
  });

  test("a session ends by logout, and when it has expired", async () => {
    const first = await stage.login();
    const page = await ask("/ops", { headers: { cookie: first } });
    const token = /name="token"\s+value="([\w-]+)"/.exec(page.text)?.[1] ?? "";
    const out = await send("/ops/logout", { token }, { cookie: first });
    assert.deepEqual([out.status, out.headers.get("location")], [303, "/ops/login"]);
    assert.match(out.headers.get("set-cookie") ?? "", /^openclaw_ops=; Max-Age=0; Path=\/ops/);
    assert.equal((await ask("/ops", { headers: { cookie: first } })).status, 401);

    const second = await stage.login();
    await stage.gateway.sql`
      update ops_sessions set expires_at = now() where hash = sha256(${second.split("=")[1] ?? ""}::bytea)`;
    assert.equal((await ask("/ops", { headers: { cookie: second } })).status, 401);
  });

  test("claw ops link prints a link that logs in", async () => {
    const { code, out, errors } = await claw(
      {
        ...testEnvironment,
        OPENCLAW_CONFIG: stage.gateway.holder.current.file,
        DATABASE_URL: stage.gateway.databaseUrl,
      },
      "ops",
      "link",
    );
    assert.deepEqual(
      [code, errors],
      [0, "Good once, for 10 minutes; the login it gives lasts 12 h. Give it to nobody.\n"],
    );
    const link = /^http:\/\/127\.0\.0\.2:0\/ops\/login\?link=([\w-]{43})\n$/.exec(out)?.[1] ?? "";
    assert.equal((await send("/ops/login", { link })).status, 303);
  });

  test("a tenth failed login in a minute is the last", async () => {
    const statuses: number[] = [];
    // Others of this file failed before; from this address in any case no more than ten.
    for (let attempt = 0; attempt < 11; attempt += 1) statuses.push((await send("/ops/login", { link: "x" })).status);
    assert.equal(statuses.at(-1), 429);
    assert.ok(statuses.every((status) => status === 401 || status === 429));
    const link = await makeLink(stage.gateway.sql);
    const right = await send("/ops/login", { link });
    assert.deepEqual([right.status, right.headers.get("retry-after")], [429, "60"]);
  });
});

describe("what a browser is told", () => {
  test("loads nothing from elsewhere, is in no frame, and keeps nothing", async () => {
    for (const path of [...views, "/ops/login"]) {
      const { headers } = await read(path);
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
      assert.match(policy, /form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/);
      assert.equal(headers.get("cache-control"), "no-store");
      assert.equal(headers.get("x-content-type-options"), "nosniff");
    }
  });

  test("is sent less than 100 KB for a page with charts, and 304 for files it has", async () => {
    const page = await read("/ops/costs");
    const paths = [...page.text.matchAll(/(?:src|href)="(\/ops\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
    assert.equal(paths.length, 5);
    let bytes = page.text.length;
    for (const path of paths) {
      const asset = await ask(path);
      assert.equal(asset.status, 200, path);
      bytes += Number(asset.headers.get("content-length"));
      const again = await ask(path, { headers: { "if-none-match": asset.headers.get("etag") ?? "" } });
      assert.deepEqual([again.status, again.text], [304, ""]);
    }
    assert.ok(bytes < 100_000, `${bytes} bytes`);
    for (const path of ["/ops/assets/nothing", "/ops/assets/constructor"]) assert.equal((await ask(path)).status, 404);
  });

  test("a page under a name that is not its own is refused, with what to set", async () => {
    const { request } = await import("node:http");
    const under = (host: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const asked = request(`${stage.url}/ops`, { headers: { host, cookie } }, (response) => {
          response.resume().on("end", () => resolve(response.statusCode ?? 0));
        });
        asked.on("error", reject).end();
      });
    for (const host of ["localhost:9000", "127.0.0.1", "[::1]:8081", "127.0.0.2:1"])
      assert.equal(await under(host), 200);
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8081", "claw.home.example"])
      assert.equal(await under(host), 421, host);
    stage.gateway.rewrite(`${stage.toml}\n[ops]\nurl = "https://claw.home.example"\n`);
    stage.gateway.holder.reload();
    assert.equal(await under("claw.home.example"), 200);
    stage.gateway.rewrite(stage.toml);
    stage.gateway.holder.reload();
  });
});

describe("what is shown", () => {
  test("markup and odd characters of people and models are text, wherever they stand", async () => {
    await stage.gateway.sql`update job_slots set reason = ${"<script>\u202e"} where job = 'night-check'`;
    await stage.gateway.sql`
      update runs set principal = ${'telegram:"><script>\u202e'} where id = ${stage.runs.hostile}`;
    const pages = await Promise.all(
      [...views, `/ops/runs/${stage.runs.hostile}`, `/ops/runs?principal=${encodeURIComponent('"><script>')}`].map(
        read,
      ),
    );
    for (const { status, text } of pages) {
      assert.equal(status, 200);
      assert.doesNotMatch(text, /<script>|<img|\u202e|onerror="/);
    }
    const run = pages[views.length]?.text ?? "";
    assert.ok(run.includes("&lt;script&gt;alert(1)&lt;/script&gt;") && run.includes("\\u202e"));
  });

  test("a run's timeline has who, what was offered, decisions with rules, what was said, ids and the chain's state", async () => {
    const { status, text } = await read(`/ops/runs/${stage.runs.usual}`);
    assert.equal(status, 200);
    for (const fact of [
      "Which alerts fire?",
      "time_now",
      "agents.ops.tools",
      "nas.home.example/metrics",
      "DiskAlmostFull",
      "Request id",
      "Offered",
      "in no checkpoint yet",
      "whole",
      "Delivery",
    ])
      assert.ok(text.includes(fact), fact);
  });

  test("a run whose key the gateway has no more says who can open it, and one that was erased that nobody can", async () => {
    const { sql } = stage.gateway;
    const [key] = await sql<{ wrapped: Uint8Array }[]>`select wrapped from run_keys where run_id = ${stage.runs.usual}`;
    await sql`update run_keys set wrapped = null, audit_wrapped = '\\x00' where run_id = ${stage.runs.usual}`;
    const sealed = (await read(`/ops/runs/${stage.runs.usual}`)).text;
    assert.match(sealed, new RegExp(`claw audit show ${stage.runs.usual} --identity FILE`));
    assert.doesNotMatch(sealed, /Which alerts fire|DiskAlmostFull/);
    assert.ok(sealed.includes("time_now"));
    await sql`update run_keys set audit_wrapped = null where run_id = ${stage.runs.usual}`;
    assert.match((await read(`/ops/runs/${stage.runs.usual}`)).text, /was erased/);
    await sql`update run_keys set wrapped = ${key?.wrapped ?? null} where run_id = ${stage.runs.usual}`;
  });

  test("runs are filtered, and read in pages that neither repeat nor miss one", async () => {
    const ids = (text: string): string[] =>
      [...text.matchAll(/href="\/ops\/runs\/([\w-]{36})"/g)].map(([, id = ""]) => id);
    const seen: string[] = [];
    for (let path: string | undefined = "/ops/runs?agent=ops&state=done"; path;) {
      const { text }: Answer = await read(path);
      seen.push(...ids(text));
      path = /rel="next"\s+href="([^"]+)"/.exec(text)?.[1]?.replaceAll("&amp;", "&");
    }
    const [row] = await stage.gateway
      .sql`select count(*)::int as count from runs where agent = 'ops' and state = 'done'`;
    assert.deepEqual([seen.length, new Set(seen).size], [row?.["count"], row?.["count"]]);
    assert.deepEqual(ids((await read("/ops/runs?tool=time_now&denied=")).text), [stage.runs.usual]);
    assert.ok(ids((await read("/ops/runs?denied=1")).text).includes(stage.runs.usual));
    assert.match((await read("/ops/runs?tool=nothing")).text, /There is no such run/);
    assert.equal((await read("/ops/runs?after=nothing")).status, 400);
    for (const id of ["nothing", "00000000-0000-7000-8000-000000000000"])
      assert.equal((await read(`/ops/runs/${id}`)).status, 404);
  });

  test("costs are those of the journal, by what is chosen", async () => {
    const [sum] = await stage.gateway.sql`
      select round(sum(cost)::numeric, 2)::text as cost from journal where at > now() - interval '89 days'`;
    for (const by of ["day", "month", "agent", "job", "principal", "backend", "model"]) {
      const { text } = await read(`/ops/costs?by=${by}&days=90`);
      assert.ok(text.includes(`>${String(sum?.["cost"])}</data`), by);
    }
  });

  test("agents have the scope that the policy gives them", async () => {
    const { text } = await read("/ops/agents");
    for (const fact of ["Watches the homelab", "telegram:1002", "commitments_add", "morning-briefing"])
      assert.ok(text.includes(fact), fact);
  });
});

describe("what can be changed", () => {
  test("nothing without the form's token, from another site, or by reading", async () => {
    const [question] = await stage.gateway.sql<{ code: string }[]>`select code from approvals where state = 'pending'`;
    const path = `/ops/approvals/${question?.code}`;
    const token = await formToken();
    assert.match(token, /^[\w-]{43}$/);
    const refused: [Record<string, string>, Record<string, string>][] = [
      [{}, {}],
      [{ token: "wrong" }, {}],
      [{ token }, { origin: "https://evil.example" }],
      [{ token }, { origin: "null" }],
      [{ token }, { "sec-fetch-site": "cross-site" }],
      [{ token }, { "sec-fetch-site": "same-site" }],
    ];
    for (const [fields, headers] of refused) {
      const { status } = await send(path, { answer: "approve", ...fields }, { cookie, ...headers });
      assert.equal(status, 403, JSON.stringify([fields, headers]));
    }
    const noOrigin = await ask(path, {
      method: "POST",
      headers: { cookie },
      body: new URLSearchParams({ answer: "approve", token }),
    });
    assert.equal(noOrigin.status, 403);
    assert.equal((await read(path)).status, 404);
    assert.equal((await send(path, { answer: "approve", token, more: "x".repeat(5_000) }, { cookie })).status, 413);
    const [after] = await stage.gateway.sql`select state from approvals where code = ${question?.code ?? ""}`;
    assert.equal(after?.["state"], "pending");
  });

  test("a question is decided as the operator, once, and its run goes on", async () => {
    const { sql } = stage.gateway;
    const [question] = await sql<{ code: string; runId: string }[]>`
      select code, run_id as "runId" from approvals where state = 'pending'`;
    const code = question?.code ?? "";
    const token = await formToken();
    const odd = await send(`/ops/approvals/${code}`, { token, answer: "perhaps" }, { cookie });
    assert.equal(odd.status, 400);
    const done = await send(`/ops/approvals/${code}`, { token, answer: "approve" }, { cookie });
    assert.deepEqual([done.status, done.headers.get("location")], [303, `/ops?question=${code}`]);
    const late = await send(`/ops/approvals/${code}`, { token, answer: "deny" }, { cookie });
    assert.equal(late.status, 303);
    assert.match((await read(`/ops?question=${code}`)).text, /approved[\s\S]*by <code>operator/);
    await until(
      async () => (await sql`select 1 from runs where id = ${question?.runId ?? ""} and state = 'done'`).length === 1,
    );
    const [row] =
      await sql`select approver from journal where run_id = ${question?.runId ?? ""} and type = 'approval.decided'`;
    assert.equal(row?.["approver"], "operator");
    assert.match(stage.gateway.log(), new RegExp(`"question":"${code}"[^\\n]*answered on the ops page`));
  });

  test("a job is run again, as a further attempt by hand", async () => {
    const token = await formToken();
    const done = await send("/ops/jobs/night-check", { token }, { cookie });
    assert.deepEqual([done.status, done.headers.get("location")], [303, "/ops?job=night-check"]);
    const rows = await stage.gateway.sql`
      select cause from job_slots where job = 'night-check' order by slot desc, attempt desc limit 1`;
    assert.equal(rows[0]?.["cause"], "hand");
    assert.match((await read("/ops?job=night-check")).text, /night-check, attempt \d/);
    assert.equal((await send("/ops/jobs/nothing", { token }, { cookie })).status, 404);
    await until(
      async () =>
        (await stage.gateway.sql`select 1 from job_slots where state in ('new', 'running', 'delivering')`).length === 0,
    );
  });
});
