/** Statuses that HTTP lets a server say and that no Response of the platform can have. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { backendOf, configOf, failureOf, harness, requestOf } from "./support.ts";

let status = 200;
const server = createServer((_request, response) => void response.writeHead(status).end("odd"));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
after(() => server.close());

for (const odd of [205, 600, 799, 999])
  test(`the status ${odd} is a failure of the attempt, and of the server`, async () => {
    status = odd;
    const { backends } = harness();
    const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    const answer = backends.model(configOf(backendOf("main", { base_url })), "main").complete(requestOf());
    const error = await failureOf(answer);
    assert.equal(error.code, "backend_failed");
    assert.doesNotMatch(error.message, /bug to report/);
    assert.match(error.message, /is backends\.main\.base_url an OpenAI-compatible API/);
  });
