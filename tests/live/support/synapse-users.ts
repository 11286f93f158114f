import { createHmac } from "node:crypto";

/** A person's account with one logged-in device. */
export interface SynapseUser {
  userId: string;
  password: string;
  accessToken: string;
  deviceId: string;
}

/** Makes an account, which needs no invitation but the homeserver's shared secret. */
export async function registerUser(
  url: string,
  sharedSecret: string,
  name: string,
  password: string,
): Promise<SynapseUser> {
  const endpoint = `${url}/_synapse/admin/v1/register`;
  const { nonce } = (await (await fetch(endpoint)).json()) as { nonce: string };
  const mac = createHmac("sha1", sharedSecret).update([nonce, name, password, "notadmin"].join("\0")).digest("hex");
  const body = { nonce, username: name, password, admin: false, mac };
  return signIn(`registering ${name}`, endpoint, body, password);
}

/** Logs an account in on one more device. */
export function loginUser(url: string, name: string, password: string): Promise<SynapseUser> {
  const identifier = { type: "m.id.user", user: name };
  const body = { type: "m.login.password", identifier, password };
  return signIn(`logging ${name} in`, `${url}/_matrix/client/v3/login`, body, password);
}

async function signIn(what: string, endpoint: string, content: unknown, password: string): Promise<SynapseUser> {
  const response = await fetch(endpoint, { method: "POST", body: JSON.stringify(content) });
  if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
  const body = (await response.json()) as { user_id: string; access_token: string; device_id: string };
  return { userId: body.user_id, password, accessToken: body.access_token, deviceId: body.device_id };
}
