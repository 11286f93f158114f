/** Looks at containers that run, whichever program brought them up. */
import { readdirSync, readFileSync } from "node:fs";
import { until } from "../../../support/until.ts";
import type { ComposeFacts } from "./facts.ts";
import { container, inspect, run } from "./workplace.ts";

export const services = ["postgres", "gateway", "proxy"] as const;

/** The status of an answer; 0: there was none. */
export const status = (url: string): Promise<number> =>
  fetch(url, { redirect: "manual" }).then(
    (answer) => answer.status,
    () => 0,
  );

/** Waits until the gateway is ready in every part. */
export const ready = (): Promise<unknown> =>
  until(
    () => status("http://127.0.0.1:8081/readyz"),
    (code) => code === 200,
    60_000,
  );

/** All but what was said and what the doctor says. */
export async function look(): Promise<Omit<ComposeFacts, "answer" | "doctor">> {
  const each = async <Fact>(of: (service: string) => Promise<Fact>): Promise<Record<string, Fact>> =>
    Object.fromEntries(await Promise.all(services.map(async (service) => [service, await of(service)] as const)));
  const names = await run("podman", "ps", "--format", "{{.Names}}");
  const limits =
    "[{{.HostConfig.ReadonlyRootfs}},{{.HostConfig.Memory}},{{.HostConfig.NanoCpus}},{{.HostConfig.PidsLimit}}]";
  const ports = await each((service) => run("podman", "port", container(service)));
  const closed: Record<string, number> = {};
  for (const path of ["/ops", "/healthz", "/metrics", "/jobs"]) closed[path] = await status(`https://localhost${path}`);
  return {
    services: names.trim().split("\n").toSorted(),
    closed,
    processes: await each(processOf),
    limits: await each(
      async (service) => JSON.parse(await inspect(service, limits)) as [boolean, number, number, number],
    ),
    publishedOn: Object.values(ports)
      .flatMap((text) => text.trim().split("\n"))
      .filter(Boolean)
      .toSorted(),
  };
}

async function processOf(service: string): Promise<Record<string, string>> {
  const text = readFileSync(`/proc/${await inspect(service, "{{.State.Pid}}")}/status`, "utf8");
  const wanted = ["Uid", "CapEff", "CapBnd", "NoNewPrivs"];
  return Object.fromEntries(
    wanted.map((name) => [name, (new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1] ?? "").split("\t")[0] ?? ""]),
  );
}

/** Routes that lead out of a service's container. */
export async function defaultRoutes(service: string): Promise<number> {
  const routes = readFileSync(`/proc/${await inspect(service, "{{.State.Pid}}")}/net/route`, "utf8");
  return routes.split("\n").filter((line) => line.split("\t")[1] === "00000000").length;
}

/** Command lines of all processes that hold a secret. */
export const leaksInCommandLines = (holdsSecret: (text: string) => boolean): string[] =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return holdsSecret(line) ? [`command line of ${line.split("\0")[0]}`] : [];
      } catch {
        return [];
      }
    });
