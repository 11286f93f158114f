import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createMetrics } from "../../lib/metrics.ts";
import { type Stage, startStage } from "../support/stage.ts";

const docs = join(import.meta.dirname, "../../docs");
const read = (name: string): string => readFileSync(join(docs, name), "utf8");

let stage: Stage;
/** Names of the metrics of a real gateway. */
let served: ReadonlySet<string>;

before(async () => {
  stage = await startStage();
  const text = await (await fetch(`${stage.gateway.privateUrl}/metrics`)).text();
  served = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name));
});
after(() => stage.stop());

/** The labels of each metric, as it was made. */
const labels = new Map(
  createMetrics()
    .registry.getMetricsAsArray()
    .map((metric) => [metric.name, (metric as unknown as { labelNames: readonly string[] }).labelNames]),
);

/** The metrics that an expression names, and the labels it takes them by; Prometheus' own `up` is left out. */
function used(expression: string): { metrics: string[]; labels: string[] } {
  const bare = expression.replaceAll(/"[^"]*"/g, '""');
  const names = [...bare.matchAll(/\b(?:openclaw|process)_[a-z_]+/g)].map(([name]) => name);
  const matched = [...bare.matchAll(/\{([^}]*)\}/g)].flatMap(([, list = ""]) =>
    [...list.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
  );
  const grouped = [...bare.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(/,\s*/));
  return { metrics: names, labels: [...matched, ...grouped] };
}

/** Fails where an expression asks for what no gateway serves. */
function check(expression: string): void {
  const { metrics, labels: taken } = used(expression);
  const known = metrics.map((name) => (served.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, "")));
  for (const name of known) assert.ok(served.has(name), `${name} is not in /metrics: ${expression}`);
  // `le` is of every histogram, `job` and `instance` are put there by Prometheus.
  const there = new Set([...known.flatMap((name) => labels.get(name) ?? []), "le", "job", "instance"]);
  for (const label of taken) assert.ok(there.has(label), `no label ${label}: ${expression}`);
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

test("the dashboard asks for what a gateway serves, from the data source that is chosen", () => {
  const dashboard = JSON.parse(read("grafana-dashboard.json")) as {
    readonly schemaVersion: number;
    readonly templating: { readonly list: readonly { readonly type: string }[] };
    readonly panels: readonly Panel[];
  };
  assert.ok(dashboard.schemaVersion >= 36);
  assert.ok(dashboard.templating.list.some(({ type }) => type === "datasource"));
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  const shown = dashboard.panels.filter(({ type }) => type !== "row");
  assert.ok(shown.length >= 20);
  for (const { title, gridPos, targets = [] } of shown) {
    assert.ok(targets.length > 0, title);
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (const { expr, datasource } of targets) {
      assert.equal(datasource.uid, "${datasource}");
      check(expr);
    }
  }
});

test("the rules ask for what a gateway serves, and each says what happened and what to do", () => {
  const rules = read("alertmanager-rules.yml")
    .split(/\n\n? {6}(?:#[^\n]*\n {6})?- alert: /)
    .slice(1);
  assert.ok(rules.length >= 12);
  for (const rule of rules) {
    const [name = ""] = rule.split("\n");
    assert.match(name, /^OpenClaw[A-Za-z]+$/);
    check(/^ {8}expr: (.+)$/m.exec(rule)?.[1] ?? assert.fail(`${name} has no expression`));
    assert.match(rule, /^ {8}labels: \{ severity: (?:warning|critical) \}$/m, name);
    assert.match(rule, /^ {10}summary: \S.{15,}$/m, name);
    assert.match(rule, /^ {10}description: \S.{30,}$/m, name);
  }
});

const promtool = ((): string | undefined => {
  try {
    return execFileSync("sh", ["-c", "command -v promtool"], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
})();

test(
  "promtool takes the rules and the metrics (skipped where it is not installed)",
  { skip: promtool === undefined && "promtool is not installed" },
  async () => {
    const taken = execFileSync(promtool ?? "", ["check", "rules", join(docs, "alertmanager-rules.yml")], {
      encoding: "utf8",
    });
    assert.match(taken, /SUCCESS/);
    const text = await (await fetch(`${stage.gateway.privateUrl}/metrics`)).text();
    execFileSync(promtool ?? "", ["check", "metrics"], { input: text });
  },
);

test("docs/monitoring.md has every metric with its labels, and none that there is not", () => {
  const rows = [...read("monitoring.md").matchAll(/^\| `([a-z_]+)` +\| ([^|]*)\|/gm)];
  const told = rows.map(([, name = "", given = ""]) => `${name} ${(given.match(/[a-z_]+/g) ?? []).join(" ")}`.trim());
  const made = [...labels].map(([name, names]) => `${name} ${names.join(" ")}`.trim());
  assert.deepEqual(told.sort(), made.sort());
  assert.deepEqual([...served].sort(), [...labels.keys()].sort());
});
