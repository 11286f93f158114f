/** The calls of encryption, answered as Synapse does: devices, keys, to-device messages, sync of these, account data. */
import type { Hono } from "hono";
import { type Env, refuse } from "./homeserver-env.ts";
import { crossSigningKeys, type Signed } from "./homeserver-keys.ts";
import type { HomeserverState } from "./homeserver-state.ts";
import type { ToDeviceEvent } from "./homeserver-stream.ts";

const base = "/_matrix/client/v3";

/** Adds them to the app. */
export function mountKeysApi(
  app: Hono<Env>,
  state: HomeserverState,
  pushToDevice: (user: string, device: string, event: ToDeviceEvent) => void,
): void {
  const { keys, stream } = state;
  const sent = new Set<string>();

  app.get(`${base}/devices`, (c) => {
    const user = c.get("user");
    return c.json({ devices: state.devicesOf(user).map((device) => describe(user, device)) });
  });
  app.get(`${base}/devices/:device`, (c) => {
    const { device } = c.req.param();
    if (!state.devicesOf(c.get("user")).includes(device)) return refuse(c, 404, "M_NOT_FOUND");
    return c.json(describe(c.get("user"), device));
  });
  app.put(`${base}/devices/:device`, async (c) => {
    const user = c.get("user");
    const { device } = c.req.param();
    const { display_name } = await c.req.json<{ display_name?: string }>().catch(() => ({ display_name: undefined }));
    const known = state.devicesOf(user).includes(device);
    state.addDevice(user, device, display_name);
    return c.json({}, known ? 200 : 201);
  });
  app.delete(`${base}/devices/:device`, (c) => {
    state.removeDevice(c.get("user"), c.req.param("device"));
    return c.json({});
  });
  const describe = (user: string, device: string): object => {
    const { displayName } = keys.device(user, device);
    return { device_id: device, user_id: user, ...(displayName !== undefined && { display_name: displayName }) };
  };

  app.post(`${base}/keys/upload`, async (c) => {
    const user = c.get("user");
    const device = c.get("device");
    if (device === undefined) return refuse(c, 400, "M_UNKNOWN");
    const given = await c.req.json<{ device_keys?: Signed; one_time_keys?: Signed; fallback_keys?: Signed }>();
    const known = keys.device(user, device);
    if (given.device_keys) {
      const { user_id, device_id } = given.device_keys;
      if (user_id !== user || device_id !== device) return refuse(c, 400, "M_BAD_JSON");
      known.keys = given.device_keys;
      stream.changed(user);
    }
    for (const [id, key] of Object.entries(given.one_time_keys ?? {})) {
      const before = known.oneTime.get(id);
      // Synapse refuses another key under the id of one it still has: the client has lost its account.
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(key)) return refuse(c, 400, "M_UNKNOWN");
      known.oneTime.set(id, key);
    }
    for (const [id, key] of Object.entries(given.fallback_keys ?? {}))
      known.fallback.set(id.slice(0, id.indexOf(":")), { id, key, used: false });
    return c.json({ one_time_key_counts: keys.counts(user, device) });
  });

  app.post(`${base}/keys/query`, async (c) => {
    const asker = c.get("user");
    const asked = Object.entries((await c.req.json<{ device_keys: Record<string, string[]> }>()).device_keys);
    const crossSigning = (name: (typeof crossSigningKeys)[number], ofWhom: (user: string) => boolean): object =>
      Object.fromEntries(
        asked.flatMap(([user]) => {
          const key = ofWhom(user) ? keys.crossSigningKey(user, name, asker) : undefined;
          return key ? [[user, key]] : [];
        }),
      );
    return c.json({
      device_keys: Object.fromEntries(asked.map(([user, wanted]) => [user, keys.deviceKeys(user, asker, wanted)])),
      failures: {},
      master_keys: crossSigning("master", () => true),
      self_signing_keys: crossSigning("self_signing", () => true),
      user_signing_keys: crossSigning("user_signing", (user) => user === asker),
    });
  });

  app.post(`${base}/keys/claim`, async (c) => {
    const asked = await c.req.json<{ one_time_keys: Record<string, Record<string, string>> }>();
    const claimed: Record<string, Record<string, object>> = {};
    for (const [user, devices] of Object.entries(asked.one_time_keys))
      for (const [device, algorithm] of Object.entries(devices)) {
        const key = keys.claim(user, device, algorithm);
        if (key) claimed[user] = { ...claimed[user], [device]: key };
      }
    return c.json({ one_time_keys: claimed, failures: {} });
  });

  app.post(`${base}/keys/device_signing/upload`, async (c) => {
    const user = c.get("user");
    const given = await c.req.json<Record<string, Signed | undefined>>();
    if (!given["master_key"] && !keys.crossSigningKey(user, "master", user)) return refuse(c, 400, "M_MISSING_PARAM");
    for (const name of crossSigningKeys) {
      const key = given[`${name}_key`];
      if (key) keys.setCrossSigningKey(user, name, key);
    }
    stream.changed(user);
    return c.json({});
  });

  app.post(`${base}/keys/signatures/upload`, async (c) => {
    const signer = c.get("user");
    const given = await c.req.json<Record<string, Record<string, Signed>>>();
    const failures: Record<string, Record<string, object>> = {};
    for (const [owner, objects] of Object.entries(given)) {
      for (const [id, signed] of Object.entries(objects)) {
        const outcome = keys.addSignatures(signer, owner, id, signed);
        if (outcome === "merged") continue;
        const errcode = outcome === "unknown" ? "M_NOT_FOUND" : "M_INVALID_SIGNATURE";
        failures[owner] = { ...failures[owner], [id]: { errcode, error: errcode } };
      }
      // Nobody else sees whom one has verified.
      stream.changed(owner, owner === signer ? undefined : signer);
    }
    return c.json({ failures });
  });

  app.put(`${base}/sendToDevice/:type/:txn`, async (c) => {
    const { type, txn } = c.req.param();
    const sender = c.get("user");
    const key = [sender, c.get("device"), type, txn].join(" ");
    if (sent.has(key)) return c.json({});
    const { messages } = await c.req.json<{ messages: Record<string, Record<string, Signed>> }>();
    sent.add(key);
    for (const [user, devices] of Object.entries(messages))
      for (const [wanted, content] of Object.entries(devices))
        for (const device of state.devicesOf(user)) {
          if (wanted !== "*" && wanted !== device) continue;
          const event = { type, sender, content };
          stream.deliver(user, device, event);
          pushToDevice(user, device, event);
        }
    return c.json({});
  });

  app.get(`${base}/sync`, async (c) => {
    const user = c.get("user");
    const device = c.get("device");
    if (device === undefined) return c.json({ next_batch: "0_0" });
    const since = c.req.query("since");
    const timeout = Number(c.req.query("timeout") ?? 0);
    let found = stream.since(user, device, since);
    const idle = found.events.length === 0 && !found.lists?.changed.length && !found.lists?.left.length;
    if (since !== undefined && idle && timeout > 0) {
      await stream.somethingNew(timeout);
      found = stream.since(user, device, since);
    }
    const unused = keys.unusedFallbacks(user, device);
    return c.json({
      next_batch: found.next,
      ...(found.events.length > 0 && { to_device: { events: found.events } }),
      ...(found.lists && { device_lists: found.lists }),
      device_one_time_keys_count: keys.counts(user, device),
      device_unused_fallback_key_types: unused,
      "org.matrix.msc2732.device_unused_fallback_key_types": unused,
    });
  });

  app.get(`${base}/user/:user/account_data/:type`, (c) => {
    const { user, type } = c.req.param();
    if (user !== c.get("user")) return refuse(c, 403, "M_FORBIDDEN");
    const content = state.accountData.get(`${user} ${type}`);
    return content ? c.json(content) : refuse(c, 404, "M_NOT_FOUND");
  });
  app.put(`${base}/user/:user/account_data/:type`, async (c) => {
    const { user, type } = c.req.param();
    if (user !== c.get("user")) return refuse(c, 403, "M_FORBIDDEN");
    state.accountData.set(`${user} ${type}`, await c.req.json<Record<string, unknown>>());
    return c.json({});
  });
}
