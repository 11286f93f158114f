/** Debian's Caddy and nginx with the configs of deploy/, on ports of loopback. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../support/free-port.ts";
import { until } from "../../support/until.ts";
import { findProgram } from "./tools.ts";

export interface ReverseProxy {
  /** Where the internet would come in. */
  readonly url: string;
  stop(): Promise<void>;
}

/** `matrix`: with the lines for a Synapse elsewhere, which are off as shipped. */
export interface ReverseProxyOptions {
  readonly upstreamPort: number;
  readonly matrix?: boolean;
}

const shipped = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../deploy/${path}`, import.meta.url)), "utf8");

/** Takes the "#" from lines that are options, which have no blank behind it. */
const withOptions = (text: string): string => text.replaceAll(/^(\s*)#(?=[@\w\t}])/gm, "$1");

/** Caddy, by plain HTTP; `caddy validate` has had its say before. */
export async function startCaddy({ upstreamPort, matrix = false }: ReverseProxyOptions): Promise<ReverseProxy> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-caddy-"));
  const file = join(directory, "Caddyfile");
  const text = shipped("caddy/Caddyfile");
  writeFileSync(file, matrix ? withOptions(text) : text);
  const port = await freePort();
  const environment = {
    HOME: directory,
    CADDY_ADMIN: `127.0.0.1:${await freePort()}`,
    OPENCLAW_DOMAIN: `http://127.0.0.1:${port}`,
    OPENCLAW_UPSTREAM: `127.0.0.1:${upstreamPort}`,
  };
  const options = ["--config", file, "--adapter", "caddyfile"];
  check("caddy", ["validate", ...options], environment);
  return start(`http://127.0.0.1:${port}`, "caddy", ["run", ...options], environment, directory);
}

/** nginx, by TLS with a certificate of its own; `nginx -t` has had its say before. */
export async function startNginx({ upstreamPort, matrix = false }: ReverseProxyOptions): Promise<ReverseProxy> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-nginx-"));
  const port = await freePort();
  const [key, certificate] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
  const subject = ["-subj", "/CN=claw.example", "-days", "1", "-nodes"];
  check("openssl", ["req", "-x509", "-newkey", "rsa:2048", ...subject, "-keyout", key, "-out", certificate], {});
  const text = shipped("nginx/openclaw.conf")
    .replace("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
    .replace("listen [::]:443 ssl;", "")
    .replace("/etc/letsencrypt/live/claw.example/fullchain.pem", certificate)
    .replace("/etc/letsencrypt/live/claw.example/privkey.pem", key)
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${upstreamPort}`);
  writeFileSync(join(directory, "openclaw.conf"), matrix ? withOptions(text) : text);
  for (const name of ["body", "proxy", "fastcgi", "uwsgi", "scgi"]) mkdirSync(join(directory, name));
  const paths = [
    "client_body_temp_path body",
    "proxy_temp_path proxy",
    "fastcgi_temp_path fastcgi",
    "uwsgi_temp_path uwsgi",
    "scgi_temp_path scgi",
  ];
  const root = process.getuid?.() === 0 ? "user root;" : "";
  const main = `${root} daemon off; pid nginx.pid; error_log stderr; events {} http { access_log off; ${paths.join("; ")}; include openclaw.conf; }`;
  writeFileSync(join(directory, "nginx.conf"), main);
  const options = ["-p", directory, "-c", "nginx.conf", "-e", "stderr"];
  check("nginx", ["-t", ...options], {});
  return start(`https://127.0.0.1:${port}`, "nginx", options, {}, directory);
}

function check(program: string, args: string[], environment: Record<string, string>): void {
  const { status, stdout, stderr } = spawnSync(findProgram(program) ?? program, args, {
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
  if (status !== 0) throw new Error(`${program} ${args[0]} says no:\n${stdout}${stderr}`);
}

async function start(
  url: string,
  program: string,
  args: string[],
  environment: Record<string, string>,
  directory: string,
): Promise<ReverseProxy> {
  const child = spawn(findProgram(program) ?? program, args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await until(
      () => listens(url),
      (listening) => listening || child.exitCode !== null,
      10_000,
    );
    if (child.exitCode !== null) throw new Error(`${program} ended:\n${errors}`);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { url, stop };
}

const listens = async (url: string): Promise<boolean> => {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const opened = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return opened;
};
