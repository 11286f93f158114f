import { messageOf } from "../errors.ts";
import { getJson, isPlain, type Seen, shown } from "./look.ts";

/** Whether a homeserver answers there. */
export async function lookAtHomeserver(url: string): Promise<Seen<true>> {
  try {
    const { status, body } = await getJson(`${url}/_matrix/client/versions`);
    const versions = (body as { versions?: unknown } | undefined)?.versions;
    if (status !== 200 || !Array.isArray(versions))
      return {
        said: `${url} answers, but not as a homeserver (${status}): it is Synapse's client listener that is asked for`,
        doubt: "address",
      };
    return { value: true, said: `a homeserver answers there (up to Matrix ${shown(versions.at(-1))})` };
  } catch (thrown) {
    return { said: `${url} does not answer (${messageOf(thrown)}): see that it is right`, doubt: "address" };
  }
}

/** The client-server API of a server by its name: what its .well-known says, where it answers. */
export async function discoverHomeserver(serverName: string): Promise<string | undefined> {
  try {
    const { body } = await getJson(`https://${serverName}/.well-known/matrix/client`, { follow: true });
    const url = (body as { "m.homeserver"?: { base_url?: unknown } } | undefined)?.["m.homeserver"]?.base_url;
    return typeof url === "string" && isPlain(url) ? url : undefined;
  } catch {
    return undefined;
  }
}
