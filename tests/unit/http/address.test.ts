import assert from "node:assert/strict";
import { test } from "node:test";
import { reachOf } from "../../../lib/http/address.ts";

const addresses = {
  public: ["1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "2606:4700::1111", "::ffff:1.1.1.1"],
  private: [
    "127.0.0.1",
    "127.255.255.255",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "fc00::1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
  ],
  never: [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.1",
    "240.0.0.1",
    "::",
    "::127.0.0.1",
    "::7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "64:ff9b::7f00:1",
    "64:ff9b::1.1.1.1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001::1",
    "2001:db8::1",
    "::ffff:0:7f00:1",
    "100::1",
    "4000::1",
    "",
    "localhost",
    "127.1",
    "0x7f000001",
    "2130706433",
  ],
} as const;
for (const [reach, list] of Object.entries(addresses))
  test(`the reach of an address is told by its range: ${reach}`, () => {
    for (const address of list) assert.equal(reachOf(address), reach, address);
  });
