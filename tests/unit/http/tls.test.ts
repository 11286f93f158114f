import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { before, after, test } from "node:test";
import { connect } from "node:tls";
import { certificate } from "./certificate.ts";
import { get, networkOf } from "./support.ts";

let asked = 0;
const server = createServer(certificate, (_, response) => {
  asked += 1;
  response.end("over TLS");
});
let port = 0;
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
after(() => void server.close());

/** A network in which the certificate's maker is known. */
const knowing = () => ({
  ...networkOf({ "site.test": ["127.0.0.1"], "other.test": ["127.0.0.1"] }),
  connect: (host: string, to: number, servername: string | undefined) =>
    connect({ host, port: to, ca: certificate.cert, ...(servername !== undefined && { servername }) }),
});

test("https:// is spoken to the address by the name that was asked for", async () => {
  const { body, url } = await get(`https://site.test:${port}/`, { own: [`site.test:${port}`], network: knowing() });
  assert.equal(body.toString(), "over TLS");
  assert.equal(url.host, `site.test:${port}`);
});

test("a certificate of another name, or that nobody known has signed, ends it before anything is asked", async () => {
  const before = asked;
  const own = [`site.test:${port}`, `other.test:${port}`, `127.0.0.1:${port}`];
  for (const host of ["other.test", "127.0.0.1"])
    await assert.rejects(get(`https://${host}:${port}/`, { own, network: knowing() }), {
      code: "fetch_failed",
      message: /ERR_TLS_CERT_ALTNAME_INVALID/,
    });
  await assert.rejects(get(`https://site.test:${port}/`, { own, network: networkOf({ "site.test": ["127.0.0.1"] }) }), {
    code: "fetch_failed",
    message: /DEPTH_ZERO_SELF_SIGNED_CERT/,
  });
  assert.equal(asked, before);
});
