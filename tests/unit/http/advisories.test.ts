/** The advisories of peers' gateways on fetching what strangers name. Each attack is made, and must reach nothing. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { systemNetwork } from "../../../lib/http/dial.ts";
import { get, networkOf, startSite } from "./support.ts";

const root = join(import.meta.dirname, "../../..");

describe("CVE-2026-26324, IPv4-mapped IPv6", () => {
  for (const address of ["::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]) {
    test(`a listed name at ${address} is not connected to`, async () => {
      const network = networkOf({ "site.test": [address] });
      await assert.rejects(get("https://site.test", { hosts: ["site.test"], network }), {
        code: "bad_request",
        message: /not at a public address.*tools\.http\.private_hosts/,
      });
      assert.deepEqual(network.dialled, []);
    });

    test(`[${address}] itself, listed among the public hosts, is not connected to`, async (t) => {
      const site = await startSite(t);
      const { hostname } = new URL(`http://[${address}]`);
      const network = networkOf({});
      const url = `http://[${address}]:${site.port}`;
      await assert.rejects(get(url, { hosts: [`http://${hostname}:${site.port}`], network }), { code: "bad_request" });
      assert.deepEqual([network.dialled, site.connections], [[], 0]);
    });
  }
});

describe("CVE-2026-43582, DNS rebinding", () => {
  test("the address that was checked is the one connected to: the name is asked once", async () => {
    const answers = [["93.184.216.34"], ["127.0.0.1"]];
    const names = networkOf({ "site.test": () => answers.shift() ?? [] });
    const network = {
      ...names,
      connect: (address: string) => {
        names.dialled.push(address);
        // Stands for a public server that does not answer: nothing leaves this machine.
        return systemNetwork.connect("127.0.0.1", 1, undefined);
      },
    };
    await assert.rejects(get("https://site.test", { hosts: ["site.test"], network }), { code: "fetch_failed" });
    assert.deepEqual([names.resolved, names.dialled], [["site.test"], ["93.184.216.34"]]);
  });

  test("what counts is where the connection led", async (t) => {
    const site = await startSite(t);
    const network = {
      ...networkOf({ "site.test": ["93.184.216.34"] }),
      connect: () => systemNetwork.connect("127.0.0.1", site.port, undefined),
    };
    await assert.rejects(get("http://site.test", { hosts: ["http://site.test"], network }), { code: "bad_request" });
    assert.deepEqual(site.asked, []);
  });

  test("a name that changes between two hops is checked at each", async (t) => {
    const site = await startSite(t, (_, response) => void response.writeHead(302, { location: "/again" }).end());
    const answers = [["127.0.0.1"], ["169.254.169.254"]];
    const network = networkOf({ "site.test": () => answers.shift() ?? [] });
    const options = { own: [`http://site.test:${site.port}`], network };
    await assert.rejects(get(`http://site.test:${site.port}`, options), { message: /never fetched from/ });
    assert.deepEqual([site.asked, network.dialled], [["/"], ["127.0.0.1"]]);
  });

  test("of several addresses only the public ones are tried", async () => {
    const names = networkOf({ "site.test": ["10.0.0.1", "1.1.1.1", "::1"] });
    const network = {
      ...names,
      connect: (address: string) => {
        names.dialled.push(address);
        return systemNetwork.connect("127.0.0.1", 1, undefined);
      },
    };
    await assert.rejects(get("https://site.test", { hosts: ["site.test"], network }));
    assert.deepEqual(names.dialled, ["1.1.1.1"]);
  });
});

describe("CVE-2026-31989, redirects", () => {
  const elsewhere: [what: string, location: (port: number) => string, told: RegExp][] = [
    ["a private address", () => "http://127.0.0.1/secret", /not allowed 127\.0\.0\.1/],
    ["the metadata service", () => "http://169.254.169.254/latest/meta-data", /not allowed 169\.254/],
    ["the same port of a private address", (port) => `http://127.0.0.1:${port}/secret`, /not allowed 127\.0\.0\.1/],
    ["a host that is not listed", () => "https://evil.test/", /not allowed evil\.test/],
    ["a port that is not listed", () => "http://site.test:1/", /not allowed site\.test:1/],
    ["a file", () => "file:///etc/passwd", /only https:\/\/ and http:\/\//],
    ["data", () => "data:text/html,<script>", /only https:\/\/ and http:\/\//],
    ["a script", () => "javascript:alert(1)", /only https:\/\/ and http:\/\//],
    ["credentials", (port) => `http://a:b@site.test:${port}/`, /a user or a password/],
    ["what is no URL", () => "http://[::bad", /no URL/],
    ["another listed host", () => "https://other.test/x?y", /Ask for that URL itself: https:\/\/other\.test\/x\?y/],
  ];
  for (const [what, location, told] of elsewhere)
    test(`one to ${what} is not followed`, async (t) => {
      const site = await startSite(t, (_, response) => {
        response.writeHead(302, { location: location(site.port) }).end("body");
      });
      const network = networkOf({ "site.test": ["127.0.0.1"], "other.test": ["127.0.0.1"] });
      const own = [`http://site.test:${site.port}`, "other.test"];
      await assert.rejects(get(`http://site.test:${site.port}/start`, { own, network }), {
        code: "bad_request",
        message: told,
      });
      assert.deepEqual([site.asked, network.dialled.length], [["/start"], 1]);
    });

  test("one from https:// to http:// is not followed", async () => {
    const { nextHop } = await import("../../../lib/http/guarded.ts");
    const { hostRules } = await import("../../../lib/http/hosts.ts");
    const rules = hostRules(["http://site.test"], []);
    assert.throws(() => nextHop(new URL("https://site.test/a"), "http://site.test/a", rules), {
      message: /from https:\/\/ to http:\/\//,
    });
    assert.equal(nextHop(new URL("http://site.test/a"), "https://site.test/a", rules).url.href, "https://site.test/a");
  });
});

describe("CVE-2026-35629, a raw fetch round the guard", () => {
  const files = readdirSync(join(root, "lib"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  const codeOf = (name: string): string =>
    readFileSync(join(root, "lib", name), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, "");
  const using = (pattern: RegExp): string[] => files.filter((name) => pattern.test(codeOf(name))).sort();

  test("only these files open connections: to the database, the model, the channels, and the guarded ones", () => {
    const modules = /(?:from|import\(|require\()\s*["'](?:node:)?(?:https?|http2|net|tls|dgram|undici)["']/;
    assert.deepEqual(using(modules), [
      "db/client.ts",
      "http/address.ts",
      "http/dial.ts",
      "http/exchange.ts",
      "llm/transport.ts",
      // Only `isIP`, for the units it writes.
      "systemd/timers.ts",
    ]);
  });

  test("the exchange that is not guarded is for the channels' own servers, the services that config names, and the operator's doctor", () => {
    assert.deepEqual(
      using(/\/exchange\.ts["']/).filter((name) => !/^(matrix|telegram|sources|doctor)\//.test(name)),
      [],
    );
  });

  test("no tool uses the global fetch, a web socket or a process", () => {
    const tools = files.filter((name) => /^(tools|agent|policy|conversation|http|media)\//.test(name));
    assert.ok(tools.length > 20 && existsSync(join(root, "lib/tools/http.ts")));
    const raw = /(?<![.\w])(fetch|WebSocket|EventSource|XMLHttpRequest)\s*[(.]|child_process|globalThis/;
    assert.deepEqual(
      tools.filter((name) => raw.test(codeOf(name))),
      [],
    );
  });
});
