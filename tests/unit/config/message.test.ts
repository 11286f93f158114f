import assert from "node:assert/strict";
import { test } from "node:test";
import { load, problemsOf, valid } from "./support.ts";

const message = (destinations: string, more = ""): string =>
  `${valid}\n[tools.message]\n${more}\n[tools.message.destinations]\n${destinations}\n`;

test("destinations are Matrix rooms and Telegram chats, by name", (t) => {
  const config = load(
    t,
    message('kitchen = "matrix:!kitchen:home.example"\nfamily = "telegram:-100123"', 'bot = "home"'),
  );
  assert.deepEqual(config.tools.message, {
    bot: "home",
    destinations: { kitchen: "matrix:!kitchen:home.example", family: "telegram:-100123" },
  });
});

test("a destination that is a person, or on no channel there is, is refused with its key, and a bot there is not", (t) => {
  const [person] = problemsOf(t, message('me = "matrix:@me:home.example"'));
  assert.match(person ?? "", /^tools\.message\.destinations\.me: must be a Matrix room/);
  const [bot] = problemsOf(t, message('family = "telegram:-100123"', 'bot = "hoem"'));
  assert.match(bot ?? "", /^tools\.message\.bot: no bot is named "hoem"; did you mean "home"\?/);
  const noMatrix = valid.replace(/\[matrix\][^[]*/, "").replace('matrix = { localpart = "agent_ops" }', "");
  const [problem] = problemsOf(t, `${noMatrix}\n[tools.message.destinations]\nkitchen = "matrix:!k:home.example"\n`);
  assert.match(problem ?? "", /^tools\.message\.destinations\.kitchen: is on Matrix but there is no \[matrix\]/);
});

test("link_hosts are hosts, in lower case, exact or all below one", (t) => {
  const hosts = (list: string): string => valid.replace("telegram = true", `telegram = true\nlink_hosts = ${list}`);
  const agent = load(t, hosts('["wiki.example", "*.home.example", "nas", "10.0.0.5"]')).agents.get("ops");
  assert.deepEqual(agent?.link_hosts, ["wiki.example", "*.home.example", "nas", "10.0.0.5"]);
  for (const bad of ["*", "https://wiki.example", "wiki.example/x", "Wiki.example", "*wiki.example", "bücher.example"])
    assert.match(problemsOf(t, hosts(`["${bad}"]`))[0] ?? "", /^agents\.ops\.link_hosts\[0\]: must be a host/, bad);
});
