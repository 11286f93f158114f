/** The shipped gateway as a process of its own, to be killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Checkpoint } from "../../lib/checkpoint.ts";
import { freePort } from "./free-port.ts";
import { testEnvironment } from "./gateway.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where a gateway's process finds its config, and where it listens, before and after a restart. */
export interface Home {
  /** Its config. */
  readonly file: string;
  readonly publicUrl: string;
  readonly privateUrl: string;
  /** Its openclaw.toml. */
  readonly config: string;
  rewrite(toml: string): void;
  /** Starts the gateway; resolves once it is ready. */
  start(options?: StartOptions): Promise<GatewayProcess>;
  /** Kills what still runs and removes everything. */
  remove(): Promise<void>;
}

export interface StartOptions {
  readonly killAt?: KillAt;
  readonly imports?: readonly string[];
  /** Beside and before `testEnvironment`. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The n-th time that the process comes to a checkpoint, it kills itself; once in the life of its home. */
export interface KillAt {
  readonly point: Checkpoint;
  readonly nth: number;
}

export interface GatewayProcess {
  /** The JSON lines it wrote. */
  log(): string;
  signal(name: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

/** A home with fixed ports for a config without `[listen]`. */
export async function createHome(toml: string, databaseUrl: string): Promise<Home> {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-process-"));
  const [outer, inner] = await Promise.all([freePort(), freePort()]);
  const children = new Set<ChildProcess>();
  const rewrite = (text: string): void =>
    writeFileSync(
      join(directory, "openclaw.toml"),
      `${text}\n[listen]\npublic = "127.0.0.1:${outer}"\nprivate = "127.0.0.1:${inner}"\ntoken = { env = "OPENCLAW_TOKEN" }\n`,
    );
  rewrite(toml);
  writeFileSync(join(directory, "prompt.md"), "You help with the homelab.\n");

  const start: Home["start"] = async ({ killAt, imports = [], environment = {} } = {}) => {
    const first = [...imports, ...(killAt ? [join(root, "tests/faults/kill-at.ts")] : [])];
    const fault = first.flatMap((file) => ["--import", file]);
    const child = spawn(
      process.execPath,
      ["--import", join(root, "lib/boot.ts"), ...fault, join(root, "functions/server.ts")],
      {
        cwd: directory,
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...process.env,
          ...testEnvironment,
          ...environment,
          NODE_OPTIONS: "",
          OPENCLAW_CONFIG: join(directory, "openclaw.toml"),
          DATABASE_URL: databaseUrl,
          ...(killAt && { OPENCLAW_TEST_KILL: `${killAt.point} ${killAt.nth} ${join(directory, "killed")}` }),
        },
      },
    );
    children.add(child);
    let [output, errors] = ["", ""];
    const exited = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        output += chunk;
        if (output.includes('"msg":"ready"')) resolve();
      });
      void exited.then((code) => reject(new Error(`the gateway ended with ${code}:\n${output}${errors}`)));
    });
    return { log: () => output + errors, signal: (name) => void child.kill(name), exited };
  };

  return {
    file: join(directory, "openclaw.toml"),
    publicUrl: `http://127.0.0.1:${outer}`,
    privateUrl: `http://127.0.0.1:${inner}`,
    config: join(directory, "openclaw.toml"),
    rewrite,
    start,
    async remove() {
      for (const child of children)
        if (child.exitCode === null && child.signalCode === null) {
          const gone = once(child, "exit");
          child.kill("SIGKILL");
          await gone;
        }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A port that nothing listens at, most likely also in a moment. */
