import assert from "node:assert/strict";
import { test } from "node:test";
import { createToolHost, type ToolHostSetup } from "../../../lib/conversation/tool-host.ts";
import type { Sql } from "../../../lib/db/client.ts";
import type { JobScope, Scope } from "../../../lib/policy/decide.ts";
import { Taint } from "../../../lib/policy/taint.ts";
import { ToolRegistry } from "../../../lib/tools/registry.ts";
import { permissiveScope } from "../../support/granted.ts";

const principalOf = (scope: Scope): string => {
  const setup: ToolHostSetup = {
    ...{ scope, runId: "run", conversationId: "conversation", shared: false, place: undefined, request: "" },
    taint: new Taint(),
    exhausted: () => undefined,
    reach: { sendFile: async () => {}, sendMessage: async () => {}, askAgent: async () => "" },
  };
  const host = createToolHost(undefined as unknown as Sql, new ToolRegistry([]), setup);
  return host.context("1", new AbortController().signal).principal;
};

test("a tool sees who asks; in a job whose things are meant, where the config says so", () => {
  const job: JobScope = { name: "review", tools: [], rooms: [] };
  const scope: Scope = { ...permissiveScope(), principal: "job:review", trigger: "job", job };
  assert.equal(principalOf(permissiveScope()), "telegram:1");
  assert.equal(principalOf(scope), "job:review");
  assert.equal(principalOf({ ...scope, job: { ...job, for: "telegram:1" } }), "telegram:1");
});
