import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../lib/config/secret.ts";
import { ClawError } from "../../lib/errors.ts";
import { createLog } from "../../lib/log.ts";

/** The one line that logging this makes, as it is and parsed. */
function logged(fields: object, level = "info"): { text: string; line: Record<string, unknown> } {
  const lines: string[] = [];
  createLog(level, { write: (line) => void lines.push(line) }).error(fields, "it happened");
  assert.equal(lines.length, 1);
  return { text: lines.join(""), line: JSON.parse(lines.join("")) as Record<string, unknown> };
}

test("a foreign error is named by its class, code and place; its message and other fields are not logged", () => {
  const err = Object.assign(new TypeError("canary in the message\nand canary in a second line"), {
    code: "ECONNRESET",
    status: 502,
    body: "canary in a field",
    cause: new Error("canary in the cause"),
  });
  const { text, line } = logged({ err });
  assert.ok(!text.includes("canary"), text);
  const { at, ...rest } = line["err"] as { at: string[] };
  assert.deepEqual(rest, { type: "TypeError", code: "ECONNRESET", status: 502 });
  assert.match(at[0] ?? "", /log\.test\.ts/);
});

test("a ClawError's message is logged, that of a foreign cause is not, that of a cause of ours is", () => {
  const err = new ClawError("backend_failed", "the model is down", { cause: new Error("canary"), say: "Sorry." });
  const { text, line } = logged({ err });
  assert.deepEqual(line["err"], {
    type: "ClawError",
    code: "backend_failed",
    message: "the model is down",
    cause: { type: "Error" },
  });
  assert.ok(!text.includes("canary"));
  const outer = new ClawError("environment", "outer", { cause: new ClawError("too_large", "inner") });
  assert.match(logged({ err: outer }).text, /"message":"inner"/);
});

test("what is thrown without being an error is not logged", () => {
  for (const err of ["canary", { message: "canary" }, ["canary"]]) assert.ok(!logged({ err }).text.includes("canary"));
});

test("a secret prints as [secret], however deep", () => {
  const secret = new Secret("canary");
  const { text, line } = logged({ secret, deep: { list: [secret] }, said: `with ${String(secret)}` });
  assert.ok(!text.includes("canary"));
  assert.deepEqual([line["secret"], line["deep"], line["said"]], ["[secret]", { list: ["[secret]"] }, "with [secret]"]);
});

test("a line has its level by name, the time, and nothing of the machine", () => {
  const { line } = logged({});
  assert.deepEqual(Object.keys(line), ["level", "time", "msg"]);
  assert.deepEqual([line["level"], line["msg"]], ["error", "it happened"]);
  assert.ok(!Number.isNaN(Date.parse(String(line["time"]))));
});
