import assert from "node:assert/strict";
import { test } from "node:test";
import { mcpToolFacts } from "../../../lib/config/mcp.ts";
import { draftOf } from "../../../lib/config/draft.ts";
import { load, problemsOf, valid } from "../config/support.ts";

const server = `
[mcp.web]
url = "https://mcp.example/mcp/"
headers = { Authorization = { env = "MCP_TOKEN" } }

[mcp.disk]
command = ["disk-server", "--stdio"]
env = { ROOT = "/srv", KEY = { env = "DISK_KEY" } }
max_chars = 500

[mcp.disk.tools.readFile]
labels = ["private"]
effect = "idempotent"

[mcp.disk.tools."write-file"]
labels = ["act", "untrusted"]
effect = "unsafe"

[mcp.disk.tools.ls]
labels = []
effect = "idempotent"
name = "list"
`;
const env = { MCP_TOKEN: "Bearer canary", DISK_KEY: "canary-disk", PATH: "/given/bin" };

test("a server's tools have names, labels and effects by config alone; untrusted is always among the labels", (t) => {
  const { mcp } = load(t, valid + server, env);
  const disk = mcp.get("disk");
  const facts = [
    { name: "disk_readfile", remote: "readFile", labels: ["untrusted", "private"], effect: "idempotent" },
    { name: "disk_write_file", remote: "write-file", labels: ["untrusted", "act"], effect: "unsafe" },
    { name: "disk_list", remote: "ls", labels: ["untrusted"], effect: "idempotent" },
  ];
  assert.deepEqual(disk?.tools, facts);
  assert.deepEqual(mcpToolFacts(load(t, valid + server, env) && draftOf(tomlOf()).mcp), facts);
  assert.equal(disk.maxChars, 500);
  assert.equal(disk.timeoutMs, 60_000);
  assert.ok(disk.reach.kind === "stdio");
  const given = [...disk.reach.env].map(([name, value]) => [name, typeof value === "string" ? value : value.reveal()]);
  assert.deepEqual(given, [
    ["PATH", "/given/bin"],
    ["LANG", "C.UTF-8"],
    ["ROOT", "/srv"],
    ["KEY", "canary-disk"],
  ]);
  const web = mcp.get("web")?.reach;
  assert.ok(web?.kind === "http" && web.url === "https://mcp.example/mcp/");
  assert.equal(web.headers.get("Authorization")?.reveal(), "Bearer canary");
});

const tomlOf = () => ({
  mcp: {
    disk: {
      command: ["disk-server"],
      tools: {
        readFile: { labels: ["private"], effect: "idempotent" },
        "write-file": { labels: ["act", "untrusted"], effect: "unsafe" },
        ls: { labels: [], effect: "idempotent", name: "list" },
      },
    },
  },
});

test("globs of groups and agents know the servers' tools, and no other", (t) => {
  const agent = (glob: string): string => valid.replace('tools = ["commitments_*"]', `tools = ["${glob}"]`) + server;
  assert.ok(load(t, agent("disk_*"), env));
  assert.ok(load(t, agent("disk_list"), env));
  assert.match(problemsOf(t, agent("disk_ls"), env)[0] ?? "", /agents\.ops\.tools\[0\]: "disk_ls" is no tool there is/);
  assert.match(problemsOf(t, agent("web_*"), env)[0] ?? "", /"web_\*" is no tool there is/);
});

test("another label or effect is another policy", (t) => {
  const other = server.replace('labels = ["private"]', "labels = []");
  assert.notEqual(load(t, valid + server, env).policyHash, load(t, valid + other, env).policyHash);
});

const tool = (more: string): string => `[mcp.disk]\ncommand = ["d"]\n[mcp.disk.tools.x]\n${more}`;
const wrong: [string, string, RegExp][] = [
  ["neither command nor url", "[mcp.disk]\n", /^mcp\.disk: has neither command nor url/],
  ["both", '[mcp.disk]\nurl = "https://x/"\ncommand = ["x"]', /^mcp\.disk: has both/],
  ["env for a url", '[mcp.disk]\nurl = "https://x/"\nenv = { A = "b" }', /^mcp\.disk: has env or cwd/],
  [
    "headers for a command",
    tool("").split("\n[")[0] + '\nheaders = { A = { env = "PATH" } }',
    /^mcp\.disk\.headers: are for a url/,
  ],
  ["a literal header", '[mcp.disk]\nurl = "https://x/"\nheaders = { A = "b" }', /headers\.A: holds the secret itself/],
  [
    "a secret that is not there",
    '[mcp.disk]\ncommand = ["x"]\nenv = { A = { env = "NONE" } }',
    /mcp\.disk\.env\.A: the environment variable NONE is not set/,
  ],
  [
    "a name that is no family",
    '[mcp.my-disk]\ncommand = ["x"]',
    /mcp\.my-disk: this name must be lower-case letters and digits/,
  ],
  ["a family there is", '[mcp.commitments]\ncommand = ["x"]', /"commitments_\*" is a family already/],
  ["no labels", tool('effect = "idempotent"'), /mcp\.disk\.tools\.x\.labels: is missing/],
  ["no effect", tool("labels = []"), /mcp\.disk\.tools\.x\.effect: is missing/],
  ["an effect it cannot have", tool('labels = ["act"]\neffect = "keyed"'), /must be one of "idempotent", "unsafe"/],
  [
    "an unsafe tool that does nothing",
    tool('labels = []\neffect = "unsafe"'),
    /x\.effect: "unsafe" needs the label act or egress/,
  ],
  ["a relative cwd", '[mcp.disk]\ncommand = ["x"]\ncwd = "y"', /must be an absolute path/],
  [
    "two tools of one name",
    `${tool('labels = []\neffect = "idempotent"')}\n[mcp.disk.tools.X]\nlabels = []\neffect = "idempotent"`,
    /mcp\.disk\.tools\.X: is "disk_x" as well as mcp\.disk\.tools\.x/,
  ],
  [
    "a name too long",
    tool(`labels = []\neffect = "idempotent"\nname = "${"y".repeat(64)}"`),
    /longer than 64 characters/,
  ],
  [
    "a tool without a name left",
    '[mcp.disk]\ncommand = ["d"]\n[mcp.disk.tools."!"]\nlabels = []\neffect = "idempotent"',
    /leaves no name/,
  ],
];
for (const [what, toml, problem] of wrong)
  test(`a server with ${what} is refused`, (t) => {
    assert.match(problemsOf(t, `${valid}\n${toml}\n`).join("\n"), problem);
  });
