import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { type Served, serve } from "../sources/serve.ts";
import { examine, lineOf, nowhere } from "./support.ts";

describe("the doctor on the clock", () => {
  let database: TestDatabase;
  let telegram: Served;
  let model: Served;
  const ahead = { telegram: 0, model: 0 };
  const dated = (seconds: () => number): Promise<Served> =>
    serve((_, response) => {
      response.writeHead(404, { date: new Date(Date.now() + seconds() * 1000).toUTCString() }).end();
    });
  before(async () => {
    [database, telegram, model] = await Promise.all([
      createTestDatabase(),
      dated(() => ahead.telegram),
      dated(() => ahead.model),
    ]);
  });
  after(async () => {
    await Promise.all([telegram.stop(), model.stop()]);
    await database.drop();
  });

  const look = async (seconds: { telegram: number; model: number }, url = database.url): Promise<string> => {
    Object.assign(ahead, seconds);
    const settings = { botApiUrl: telegram.url, modelUrl: model.url, environment: { DATABASE_URL: url } };
    const found = await examine(settings, ["clock"]);
    assert.equal(found.length, 2);
    return lineOf(found, "clock");
  };

  test("clocks that agree are named", async () => {
    assert.equal(
      await look({ telegram: 1, model: -2 }),
      "ok: this machine's agrees with Telegram's, the model server main's, the database's",
    );
  });

  test("one that is off is told by how much, and is the one to be set", async () => {
    assert.equal(
      await look({ telegram: 0, model: -600 }),
      "warn: the model server main's is 10 min behind -> set that clock, or this one, by NTP: timedatectl set-ntp true on its machine",
    );
  });

  test("where all others are off, this machine's is", async () => {
    const unreached = database.url.replace(/@.*/, "@127.0.0.1:9/none");
    assert.equal(
      await look({ telegram: 7_200, model: 7_200 }, unreached),
      "fail: Telegram's is 2 h ahead, the model server main's is 2 h ahead: this machine's clock is wrong -> set it by NTP: timedatectl set-ntp true",
    );
  });

  test("without another clock there is nothing to compare", async () => {
    const environment = { DATABASE_URL: "postgres://x@127.0.0.1:9/none" };
    const found = await examine({ botApiUrl: nowhere, modelUrl: nowhere, environment }, ["clock"]);
    assert.equal(lineOf(found, "clock"), "skipped: there is no other clock to compare with");
  });
});
