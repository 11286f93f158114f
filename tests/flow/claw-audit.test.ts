/** `claw audit` on the database of a real gateway, after a day's worth of runs: denied, approved, failed, a job's, another agent's. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { chainHash } from "../../lib/ledger/journal-row.ts";
import { pendingOf, withApprovals } from "../support/approvals.ts";
import { claw, type ClawResult } from "../support/claw.ts";
import { testEnvironment } from "../support/gateway.ts";
import { order } from "../support/injection/directives.ts";
import { wellBehaved } from "../support/injection/worst-case-model.ts";
import { ask } from "../support/jobs/jobs.ts";
import { type Stage, startStage } from "../support/stage.ts";
import { kid } from "../support/telegram-config.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "../..");
let stage: Stage;
let directory: string;
/** Their runs, by what is special about each. */
const run: Record<"plain" | "denied" | "approved" | "failed" | "job" | "parent", string> = {} as never;
const people: Record<keyof typeof run, number> = {} as never;

interface Line extends Record<string, unknown> {
  readonly id: string;
  readonly state: string;
}

const environment = (): Record<string, string> => ({
  ...testEnvironment,
  OPENCLAW_CONFIG: stage.gateway.holder.current.file,
  DATABASE_URL: stage.gateway.databaseUrl,
});
const audit = (...argv: string[]): Promise<ClawResult> => claw(environment(), "audit", ...argv);

async function list(...argv: string[]): Promise<string[]> {
  const { code, out, errors } = await audit("list", ...argv);
  assert.equal(code, 0, errors);
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as Line).id);
}

/** The run that answered a person who wrote once; not those it asked for itself. */
async function ended(person: number): Promise<string> {
  const row = await until(
    async () => {
      const [found] = await stage.gateway.sql<{ id: string }[]>`
        select id from runs where principal = ${`telegram:${person}`} and parent_run_id is null and state in ('done', 'failed')`;
      return found;
    },
    (found) => found !== undefined,
  );
  return row?.id ?? assert.fail();
}

async function said(kind: keyof typeof run, text: string): Promise<void> {
  people[kind] = kind === "denied" ? kid : stage.person();
  await stage.say(people[kind], text);
  if (kind === "approved") {
    const { code } = await pendingOf(stage.gateway.sql, `telegram:${people.approved}`);
    assert.equal((await claw(environment(), "approvals", "approve", code)).code, 0);
  }
  run[kind] = await ended(people[kind]);
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "openclaw-claw-audit-"));
  const identity = await generateIdentity();
  writeFileSync(join(directory, "identity.txt"), `# made by a test\n${identity}\n`, { mode: 0o600 });
  writeFileSync(join(directory, "stranger.txt"), `${await generateIdentity()}\n`);
  const recipient = await identityToRecipient(identity);
  stage = await startStage({
    backend: "price = { input = 1000.0, output = 2000.0 }",
    script: (request) =>
      JSON.stringify(request.messages).includes("break down") ? { status: 500 } : wellBehaved(request),
    config: (toml) =>
      `${withApprovals(toml).replace('"history_search"]', '"history_search"]\ncalls = ["helper"]')}
[audit]
recipient = "${recipient}"

[jobs.brief]
agent = "helper"
schedule = "0 8 * * *"
prompt = "prompt.md"
deliver = ["telegram:1001"]
`,
  });
  await said("plain", `hello\u202e there\u001b[2J ${order("time_now")}`);
  await said("denied", `${order("history_search", { query: "x" })} ${order("nothing_here")}`);
  await said("approved", order("commitments_add", { text: "water\u202e the plants" }));
  await said("failed", "break down");
  await said("parent", order("agent_ask", { agent: "helper", request: `what time? ${order("time_now")}` }));
  run.job = (await ask(stage.gateway.privateUrl, "/jobs/brief?wait=1&slot=2026-01-05T08:00")).body.run;
});
after(async () => {
  await stage.stop();
  rmSync(directory, { recursive: true });
});

describe("claw audit list", () => {
  test("has all runs, newest first, as JSON lines", async () => {
    const { out } = await audit();
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    const [row] = lines.filter(({ id }) => id === run.plain);
    assert.ok(row);
    assert.deepEqual(
      [row["agent"], row["principal"], row.state, row["trigger"], row["toolCalls"], row["denied"], row["openedBy"]],
      ["ops", `telegram:${people.plain}`, "done", "chat", 1, 0, "gateway"],
    );
    assert.ok(Number(row["cost"]) > 0 && Number(row["seconds"]) > 0 && row["steps"] === 2);
    const began = lines.map((line) => String(line["startedAt"]));
    assert.deepEqual(began, began.toSorted().reverse());
    assert.ok(Object.values(run).every((id) => lines.some((line) => line.id === id)));
  });

  test("keeps to each filter, and to all of them at once", async () => {
    const all = await list();
    const helper = await list("--agent", "helper");
    const costly = await list("--cost-above", "0.000001");
    assert.deepEqual(await list("--principal", `telegram:${people.denied}`), [run.denied]);
    assert.deepEqual(await list("--denied"), [run.denied]);
    assert.deepEqual(await list("--tool", "commitments_add"), [run.approved]);
    assert.deepEqual(await list("--tool", "commitments_add", "--denied"), []);
    assert.deepEqual(await list("--tool", "history_search", "--denied"), [run.denied]);
    assert.deepEqual(await list("--job", "brief"), [run.job]);
    assert.deepEqual(await list("--trigger", "job"), [run.job]);
    assert.deepEqual(await list("--state", "failed"), [run.failed]);
    assert.ok(helper.includes(run.job) && !helper.includes(run.plain) && helper.length === 2);
    assert.deepEqual(await list("--agent", "helper", "--trigger", "agent", "--tool", "time_now"), [
      helper.find((id) => id !== run.job),
    ]);
    assert.ok(costly.includes(run.plain) && !costly.includes(run.failed));
    assert.deepEqual(await list("--cost-above", "1000000"), []);
    assert.deepEqual(await list("--since", "1h"), all);
    assert.deepEqual(await list("--until", "1h"), []);
    assert.deepEqual(await list("--since", "2020-01-01", "--until", "2020-01-02T08:00"), []);
  });

  test("finds a run by the provider's id of a request, or of its answer", async () => {
    const [row] = await stage.gateway.sql<{ response_id: string; provider_request_id: string }[]>`
      select response_id, provider_request_id from journal where run_id = ${run.approved} and type = 'llm.answered'`;
    assert.ok(row);
    assert.deepEqual(await list("--request-id", row.response_id), [run.approved]);
    assert.deepEqual(await list("--request-id", row.provider_request_id), [run.approved]);
    assert.deepEqual(await list("--request-id", "req_of_nobody"), []);
  });

  test("is a table for a person, in the config's time zone, with the next page at its end", async () => {
    const { out } = await audit("list", "--table", "--limit", "2", "--since", "1h");
    const [head, first, second, next = "", ...more] = out.split("\n");
    assert.match(head ?? "", /^RUN +BEGAN +AGENT +WHO +STATE +STEPS +TOOLS +TOKENS +COST +SECONDS$/);
    assert.match(
      first ?? "",
      new RegExp(`^${run.job.slice(-8)} {2}\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d {2}helper +job brief +done `),
    );
    assert.deepEqual(more, [""]);
    const argv = next.replace(/^next: claw audit /, "").split(" ");
    assert.deepEqual(argv.slice(0, -1), ["list", "--since", "1h", "--limit", "2", "--after"]);
    assert.match(String(argv.at(-1)), new RegExp(`${second?.slice(0, 8)}$`));
    const denied = await audit("list", "--table", "--denied");
    assert.match(denied.out, /2 \(2 denied\)/);
    assert.equal((await audit("list", "--table", "--state", "waiting")).out, "No run is like that.\n");
  });

  test("has pages without gaps or repeats while runs are added", async () => {
    const before = await list();
    const pages: string[] = [];
    for (let after: string[] = []; ;) {
      const { out, errors } = await audit("list", "--limit", "3", ...after);
      pages.push(
        ...out
          .split("\n")
          .filter(Boolean)
          .map((line) => (JSON.parse(line) as Line).id),
      );
      const [, next] = /--after (\S+)/.exec(errors) ?? [];
      if (next === undefined) break;
      after = ["--after", next];
      const newcomer = stage.person();
      await stage.say(newcomer, "me too");
      await ended(newcomer);
    }
    assert.deepEqual(pages, before);
  });

  test("names what is meant where a name is of nothing, and says what it cannot read", async () => {
    for (const [argv, error] of [
      [["--agent", "opps"], 'there is no agent "opps", and there was none; did you mean "ops"? agents: ops, helper\n'],
      [["--job", "breif"], 'there is no job "breif", and there was none; did you mean "brief"? jobs: brief\n'],
      [["--tool", "time_know"], /^there is no tool "time_know", and there was none; did you mean "time_now"\? tools: /],
      [["--since", "yesterday"], /^--since yesterday: write it as 2h, 3d, /],
      [["--since", "2026-02-30"], /^--since 2026-02-30: /],
      [["--cost-above", "much"], "--cost-above much: write an amount as 0.25\n"],
      [["--limit", "0"], "--limit 0: write a number from 1 to 1000\n"],
      [["--after", "0198"], /^after: there is no run "0198"/],
    ] as const) {
      const { code, errors } = await audit("list", ...argv);
      assert.equal(code, 1);
      if (typeof error === "string") assert.equal(errors, error);
      else assert.match(errors, error);
    }
  });
});

describe("claw audit show", () => {
  test("tells a run step by step, and nothing in it turns the terminal around", async () => {
    const { code, out } = await audit("show", run.plain.slice(-8));
    assert.equal(code, 0);
    assert.ok(out.startsWith(`Run ${run.plain}: done\n`));
    for (const part of [
      /^ {2}who {7}telegram:\d+$/m,
      /^ {2}chain {5}8 rows, whole; its end is in (no checkpoint yet|checkpoint 1)$/m,
      /^ {2}delivery {2}sent \S+ to telegram:/m,
      /^ {4}offered: .*time_now/m,
      /^ {6}hello\\u202e there\\u001b\[2J /m,
      / {2}time_now: allowed by \S/,
      / {2}time_now: done in \d/,
      / {2}stand-in answered in [\d.]+ s: \d+ \+ \d+ tokens, .*cost [\d.]+ \(config\), finish tool_calls, response \S+, request req_\d+$/m,
      / {2}ended: done\n {4}Done\.\n$/,
    ])
      assert.match(out, part);
    assert.doesNotMatch(out, /[\u001b\u202e]/);
  });

  test("tells what was denied and by which rule, what was approved and by whom, and why one failed", async () => {
    const denied = await audit("show", run.denied);
    assert.match(denied.out, / {2}history_search: denied by \S+/);
    assert.match(denied.out, / {2}nothing_here, which is no tool: denied by no tool has this name\n/);
    const { out } = await audit("show", run.approved);
    assert.match(out, / {2}commitments_add: to be approved by agents\.ops\.ask/);
    assert.match(out, / {2}commitments_add: approved by operator\n/);
    assert.match(out, /^ {2}approval {2}\S+ for commitments_add \(.*\): approved by operator$/m);
    assert.match(out, /"text": "water\\u202e the plants"/);
    assert.match(out, /waits for approvers\n/);
    const failed = await audit("show", run.failed);
    assert.ok(failed.out.startsWith(`Run ${run.failed}: failed (backend_failed)\n`));
    assert.match(failed.out, / {2}the model failed: \S+\n {4}\S/);
  });

  test("names the job's slot, the runs below and the run above", async () => {
    assert.match((await audit("show", run.job)).out, /^ {2}trigger {3}job brief, slot 2026-01-05T08:00, attempt 1$/m);
    const parent = await audit("show", run.parent);
    const [, child = ""] = /^ {2}has {7}(\S+) \(helper, telegram:\d+, done\)$/m.exec(parent.out) ?? [];
    assert.notEqual(child, "", parent.out);
    assert.match((await audit("show", child)).out, new RegExp(`^ {2}part of {3}${run.parent} \\(ops, `, "m"));
  });

  test("opens by the operator's identity alone, where OPENCLAW_KEY is not", async () => {
    const { OPENCLAW_KEY: _, LLM_API_KEY: __, ...poor } = environment();
    const show = (...argv: string[]): Promise<ClawResult> => claw(poor, "audit", "show", run.plain, ...argv);
    assert.match((await show("--identity", join(directory, "identity.txt"))).out, /hello\\u202e there/);
    const stranger = await show("--identity", join(directory, "stranger.txt"));
    assert.equal(stranger.code, 1);
    assert.match(stranger.errors, /^this identity opens nothing here/);
    const sealed = await show("--sealed");
    assert.match(sealed.out, /^ {2}said {6}sealed$/m);
    assert.match(sealed.out, / {2}time_now: allowed by /);
    assert.doesNotMatch(sealed.out, /hello|Done\./);
    assert.match((await show()).errors, /OPENCLAW_KEY is not set/);
  });

  test("is one JSON document with every row, payloads opened", async () => {
    const { out } = await audit("show", run.approved, "--json");
    const document = JSON.parse(out) as {
      run: Line;
      access: string;
      rows: { seq: number; columns: Record<string, unknown>; payload?: Record<string, unknown> }[];
      chain: object;
      approvals: Record<string, unknown>[];
      deliveries: Record<string, unknown>[];
    };
    assert.deepEqual(
      [document.run.id, document.access, document.chain],
      [run.approved, "opened", { rows: document.rows.length }],
    );
    const call = document.rows.find(({ columns }) => columns["type"] === "tool.requested");
    assert.deepEqual(call?.payload, { name: "commitments_add", arguments: '{"text":"water\u202e the plants"}' });
    assert.deepEqual(
      document.approvals.map(({ state, decidedBy, seq }) => [state, decidedBy, seq]),
      [["approved", "operator", call?.seq]],
    );
    assert.ok(document.deliveries.length > 0 && document.deliveries.every(({ state }) => state === "sent"));
  });

  test("knows no other run, and asks for more of an id that several end with", async () => {
    assert.match((await audit("show", "abc")).errors, /^a run is named by its id/);
    assert.match((await audit("show", "ffff0000ffff")).errors, /^there is no run ffff0000ffff;/);
    const { sql } = stage.gateway;
    const twins = ["11111111-0000-4000-8000-00000000beef", "22222222-0000-4000-8000-00000000beef"];
    for (const id of twins)
      await sql`
        insert into runs (id, conversation_id, lane, agent, principal, trigger, state, policy_hash, prompt_hash, finished_at)
        values (${id}, ${id}, 'x', 'ops', 'telegram:1', 'chat', 'done', '', '', now())`;
    const { code, errors } = await audit("show", "beef");
    assert.equal(code, 1);
    for (const id of twins) assert.ok(errors.includes(id));
    assert.match((await audit("show", "11111111-0000-4000-8000-00000000beef")).out, /0 rows, whole/);
    await sql`delete from runs where id = any(${twins}::uuid[])`;
  });

  test("says so where the run was changed, and where it was erased", async () => {
    const { sql } = stage.gateway;
    await sql.begin(async (tx) => {
      await tx`alter table journal disable trigger user`;
      await tx`update journal set rule = 'nothing to see' where run_id = ${run.denied} and tool_name = 'history_search' and decision = 'deny'`;
      await tx`alter table journal enable trigger user`;
    });
    const changed = await audit("show", run.denied);
    assert.match(changed.out, /^ {2}chain {5}BROKEN at row 3 of \d+: it was changed: its hash is another$/m);
    assert.match(changed.out, /^!! The chain breaks here: .*\n\S+ {2}history_search: denied by nothing to see$/m);
    await sql`update run_keys set wrapped = null, audit_wrapped = null, erased_at = now() where run_id = ${run.failed}`;
    const erased = await audit("show", run.failed);
    assert.match(erased.out, /^ {2}said {6}erased: nobody can open what was said in it$/m);
    assert.match(erased.out, /^ {2}chain {5}\d+ rows, whole/m);
    assert.doesNotMatch(erased.out, /break down/);
  });
});

interface Exported {
  readonly run?: Line;
  readonly access?: string;
  readonly rows?: (Record<string, unknown> & {
    prev_hash: string;
    hash: string;
    payload_sha256: string;
    payload?: string;
  })[];
  readonly end?: { runs: number; rows: number; opened: number };
}

const linesOf = (out: string): Exported[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Exported);

describe("claw audit export", () => {
  test("has what it takes to check each chain elsewhere, and counts itself", async () => {
    const lines = linesOf((await audit("export", "--principal", `telegram:${people.approved}`)).out);
    const [first, last] = lines;
    assert.deepEqual([lines.length, first?.run?.id, first?.access], [2, run.approved, "sealed"]);
    let previous: Uint8Array = new Uint8Array(32);
    for (const { prev_hash, hash, payload_sha256: _, payload, ...facts } of first?.rows ?? []) {
      assert.equal(prev_hash, Buffer.from(previous).toString("hex"));
      previous = chainHash(previous, facts, payload === undefined ? undefined : Buffer.from(payload, "base64"));
      assert.equal(hash, Buffer.from(previous).toString("hex"));
    }
    assert.deepEqual(last?.end, { runs: 1, rows: first?.rows?.length, opened: 0 });
    assert.doesNotMatch(JSON.stringify(lines), /water/);
  });

  test("opens what was said when it is asked to, by either key", async () => {
    const who = ["--principal", `telegram:${people.approved}`];
    const { OPENCLAW_KEY: _, ...poor } = environment();
    const byKey = await audit("export", ...who, "--open");
    const byIdentity = await claw(poor, "audit", "export", ...who, "--identity", join(directory, "identity.txt"));
    assert.match(byKey.out, /water/);
    assert.equal(byIdentity.out, byKey.out);
    assert.equal(linesOf(byKey.out).at(-1)?.end?.opened, 1);
  });

  test("has every run once, and ends without a word where its reader has gone", async () => {
    const all = await list("--limit", "1000");
    const { out } = await audit("export");
    assert.deepEqual(
      linesOf(out).flatMap((line) => (line.run ? [line.run.id] : [])),
      all,
    );
    const child = spawn("sh", ["-c", `"$0" functions/claw.ts audit export | :`, process.execPath], {
      cwd: root,
      env: { ...environment(), PATH: process.env["PATH"] ?? "" },
    });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    await once(child, "close");
    assert.equal(errors, "");
  });
});

describe("claw audit follow", () => {
  test("prints what is done from then on, and ends at Ctrl-C", async () => {
    const child = spawn(process.execPath, ["functions/claw.ts", "audit", "follow", "--table", "--tool", "time_now"], {
      cwd: root,
      env: environment(),
    });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    // Nothing of before it was connected is printed, so people go on asking.
    const someone = stage.person();
    await until(async () => {
      await stage.say(someone, order("time_now"));
      await stage.heard(someone);
      return out;
    });
    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 0);
    const lines = out.trimEnd().split("\n");
    assert.match(lines[0] ?? "", new RegExp(`^\\S+ {2}[0-9a-f]{8} {2}ops {2}telegram:\\d+ {2}time_now: `));
    assert.equal(new Set(lines).size, lines.length);
  });
});
