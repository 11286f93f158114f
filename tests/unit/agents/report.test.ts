import assert from "node:assert/strict";
import { test } from "node:test";
import { jobFunctions } from "../../../functions/agents/index.ts";
import { report } from "../../../functions/agents/report.ts";
import { tidied } from "../../../functions/agents/message.ts";
import { context, readings, said, shown } from "./support.ts";

const sources = [
  { tool: "wiki_pages", args: { days: 7 }, title: "Wiki" },
  { tool: "feeds_unread", args: {}, title: "News" },
];
const at = context({ name: "month-end", sources, prompt: "Sum it up." });
const read = (...results: Parameters<typeof readings>[1]) => readings(report, results, at);
const title = "**Monday 23 November** · month end";

test("it reads what the config lists and asks what the prompt says", () => {
  assert.deepEqual(report.sources(at), sources);
  const messages = report.compose(at, read({ text: "Roof: leaks" }, "absent"));
  assert.match(said(messages, "system"), /\n\nSum it up\.\n\n/);
  assert.equal(said(messages, "user"), '<source title="Wiki">\nRoof: leaks\n</source>');
});

test("a tool says by empty lists in its data, or by no text, that there was nothing", () => {
  const empty = { text: "Nothing is unread.", data: { entries: [], total: 0 } };
  assert.equal(report.compose(at, read({ text: " " }, empty)), undefined);
  assert.equal(report.finish(at, read({ text: "" }, empty), undefined), `${title}\n\nAll quiet. Nothing is unread.`);
  for (const news of [{ entries: [1] }, { total: 0 }, [], "x", undefined, { entries: [], failed: ["y"] }])
    assert.ok(report.compose(at, read({ text: "x", data: news })), JSON.stringify(news));
});

test("without sources the model is asked all the same", () => {
  const alone = { ...at, sources: [] };
  assert.match(said(report.compose(alone, []), "user"), /no sources/);
  assert.equal(report.finish(alone, [], "Take out the bins."), `${title}\n\nTake out the bins.`);
  assert.equal(report.finish(alone, [], ""), `${title}\n\nThere is nothing to report.`);
});

test("a source that failed is named, and where all failed nothing else is said", () => {
  const one = read({ failed: "no" }, { text: "News!" });
  assert.equal(report.finish(at, one, "News."), `${title}\n\nNews.\n\n⚠ Wiki could not be read: no`);
  assert.equal(report.finish(at, one, ""), `${title}\n\n**News**\n\nNews!\n\n⚠ Wiki could not be read: no`);
  const all = read({ failed: "no" }, { failed: "neither" });
  assert.equal(report.compose(at, all), undefined);
  assert.equal(
    report.finish(at, all, undefined),
    `${title}\n\n⚠ Wiki could not be read: no\n⚠ News could not be read: neither`,
  );
});

test("it may link to where the sources' items lead, and nowhere else", () => {
  const entries = [{ url: "https://a.example/x?y=1" }, { url: "javascript:x" }, { url: 5 }, null, "https://b.example/"];
  const news = read({ text: "x", data: { entries, url: "https://c.example/" } });
  assert.deepEqual(report.links?.(news), ["https://a.example/x?y=1"]);
  const html = shown(report, news, report.finish(at, news, "[A](https://a.example/x?y=1) [C](https://c.example/)"));
  assert.deepEqual(html.match(/href="[^"]*"/g), ['href="https://a.example/x?y=1"']);
});

test("headings become bold lines, and a fence around it all goes; code stays", () => {
  assert.equal(tidied("```markdown\n## A **b** c ##\ntext\n```"), "**A b c**\ntext");
  assert.equal(tidied("- one\n**Next**\n- two\n  more\n## Last"), "- one\n\n**Next**\n- two\n  more\n\n**Last**");
  assert.equal(tidied("x\n\n```sh\n# comment\n```\n#hash\n"), "x\n\n```sh\n# comment\n```\n#hash");
});

test("every function that the config may name is there", () => {
  assert.deepEqual([...jobFunctions.keys()].sort(), ["briefing", "digest", "report", "review"]);
});
