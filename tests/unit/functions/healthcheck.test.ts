import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { localUrl } from "../../../lib/config/listen-address.ts";
import { freePort } from "../../support/free-port.ts";

const program = join(import.meta.dirname, "../../../functions/healthcheck.ts");
const paths: string[] = [];
let status = 200;
const server = createServer((request, response) => {
  paths.push(request.url ?? "");
  response.writeHead(status).end("{}");
});
let directory: string;
let port: number;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "openclaw-healthcheck-"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
});
after(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

async function check(toml: string): Promise<{ code: number | null; errors: string }> {
  const file = join(directory, "openclaw.toml");
  writeFileSync(file, toml);
  const child = spawn(process.execPath, [program], {
    env: { OPENCLAW_CONFIG: file },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, errors };
}

test("a gateway that answers on its private listener is healthy, whatever the rest of its config says", async () => {
  status = 200;
  paths.length = 0;
  const found = await check(`nonsense = 1\n[listen]\nprivate = "0.0.0.0:${port}"\n`);
  assert.deepEqual(found, { code: 0, errors: "" });
  assert.deepEqual(paths, ["/healthz"]);
});

test("one that answers with an error is not, and the reason is told", async () => {
  status = 500;
  const found = await check(`[listen]\nprivate = "127.0.0.1:${port}"\n`);
  assert.deepEqual(found, { code: 1, errors: `http://127.0.0.1:${port}/healthz answers 500\n` });
});

test("where nobody listens there is no health", async () => {
  const nobody = await freePort();
  const { code, errors } = await check(`[listen]\nprivate = "127.0.0.1:${nobody}"\n`);
  assert.equal(code, 1);
  assert.match(errors, /ECONNREFUSED/);
});

test("a config that cannot be read is told as an instruction", async () => {
  const { code, errors } = await check("listen = \n");
  assert.equal(code, 1);
  assert.match(errors, /openclaw\.toml:1:\d+.*not valid TOML/);
});

test("an address that means every interface is asked for on loopback", () => {
  assert.equal(localUrl("0.0.0.0:8081"), "http://127.0.0.1:8081");
  assert.equal(localUrl("[::]:8081"), "http://[::1]:8081");
  assert.equal(localUrl("[fd00::1]:8081"), "http://[fd00::1]:8081");
  assert.equal(localUrl("10.0.0.2:1"), "http://10.0.0.2:1");
});
