import { writeFile } from "node:fs/promises";
import { freePort } from "../../support/free-port.ts";
import { startInChroot } from "./chroot-process.ts";
import { makePeerFolder } from "./peer-folder.ts";
import { ensureChroot } from "./sid.ts";

/** An alert as it is put in: labels of it, `alertname` among them. */
export interface AlertToPost {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly startsAt?: string;
  /** In the past: it has ended. */
  readonly endsAt?: string;
}

/** A running Alertmanager, on loopback, that tells nobody. */
export interface Alertmanager {
  readonly url: string;
  /** Answered when they are listed, or no longer, as `endsAt` says. */
  post(...alerts: AlertToPost[]): Promise<void>;
  /** Silences alerts of this name for an hour. */
  silence(alertname: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts Alertmanager and returns when it is healthy; throws `PeersUnavailable` where this machine cannot hold it. */
export async function startAlertmanager(): Promise<Alertmanager> {
  const { dir: chroot } = await ensureChroot(["prometheus-alertmanager"]);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const folder = await makePeerFolder(chroot, "alertmanager");
  // JSON is YAML.
  await writeFile(
    folder.host("config.yml"),
    JSON.stringify({ route: { receiver: "none" }, receivers: [{ name: "none" }] }),
  );
  const running = startInChroot(chroot, [
    "prometheus-alertmanager",
    `--config.file=${folder.inside("config.yml")}`,
    `--storage.path=${folder.inside("data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--cluster.listen-address=",
  ]);
  const stop = async (): Promise<void> => {
    await running.stop();
    await folder.remove();
  };
  await running.waitUntilHealthy(`${url}/-/healthy`).catch(async (error: unknown) => {
    await stop();
    throw error;
  });

  const send = async (path: string, body: unknown): Promise<void> => {
    const response = await fetch(`${url}/api/v2/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  return {
    url,
    post: (...alerts) => send("alerts", alerts),
    silence: (alertname) =>
      send("silences", {
        matchers: [{ name: "alertname", value: alertname, isRegex: false, isEqual: true }],
        startsAt: new Date().toISOString(),
        endsAt: new Date(Date.now() + 3_600_000).toISOString(),
        createdBy: "test",
        comment: "known",
      }),
    stop,
  };
}
