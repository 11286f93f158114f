import { mkdir, writeFile } from "node:fs/promises";
import { freePort } from "../../support/free-port.ts";
import { startInChroot } from "./chroot-process.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { ensureChroot } from "./sid.ts";

/** A running CalDAV server, on loopback, with one account. */
export interface Radicale {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Makes an empty calendar under `/USER/SLUG/`. */
  makeCalendar(slug: string, displayName: string): Promise<void>;
  /** Puts a VCALENDAR with one event, or one series with its exceptions, in. */
  put(slug: string, name: string, ics: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts Radicale and returns when it answers; throws `PeersUnavailable` where this machine cannot hold it. */
export async function startRadicale(): Promise<Radicale> {
  const { dir: chroot } = await ensureChroot(["radicale"]);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const [user, password] = ["me", "right"];
  const folder = await makePeerFolder(chroot, "radicale");
  await mkdir(folder.host("collections"));
  await writeFile(folder.host("users"), `${user}:${password}\n`);
  await writeFile(
    folder.host("config"),
    [
      ...["[server]", `hosts = 127.0.0.1:${port}`],
      ...["[auth]", "type = htpasswd", `htpasswd_filename = ${folder.inside("users")}`],
      ...["htpasswd_encryption = plain", "delay = 0"],
      ...["[rights]", "type = owner_only"],
      ...["[storage]", `filesystem_folder = ${folder.inside("collections")}`],
    ].join("\n"),
  );
  const running = startInChroot(chroot, ["python3", "-m", "radicale", "--config", folder.inside("config")]);
  const stop = async (): Promise<void> => {
    await running.stop();
    await folder.remove();
  };
  await running.waitUntilHealthy(`${url}/.web/`).catch(async (error: unknown) => {
    await stop();
    throw error;
  });

  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const send = async (method: string, path: string, type: string, body: string): Promise<void> => {
    const headers = { authorization, "content-type": type };
    const response = await fetch(`${url}/${user}/${path}`, { method, headers, body });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  };
  return {
    url,
    user,
    password,
    makeCalendar: (slug, displayName) =>
      send(
        "MKCALENDAR",
        `${slug}/`,
        "application/xml",
        `<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop><d:displayname>${displayName}</d:displayname></d:prop></d:set></c:mkcalendar>`,
      ),
    put: (slug, name, ics) => send("PUT", `${slug}/${name}.ics`, "text/calendar", ics),
    stop,
  };
}
