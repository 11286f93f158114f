/**
 * Images made of this machine's own programs, under the names compose.yaml uses, since there is no registry here.
 * Postgres's is a stand-in: the server of the npm package, Debian's psql, and an entry point of ours that keeps to what the
 * official one documents (POSTGRES_*, /docker-entrypoint-initdb.d, a cluster in /var/lib/postgresql/18/docker, uid 999).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findBinaries } from "../../../lib/db/embedded-binaries.ts";
import { findProgram } from "./tools.ts";

/** Copies programs to where they are named, with the system's libraries that they link. */
function copyPrograms(image: string, programs: Readonly<Record<string, string>>): void {
  for (const [target, source] of Object.entries(programs)) {
    mkdirSync(dirname(join(image, target)), { recursive: true });
    execFileSync("cp", ["--dereference", source, join(image, target)]);
    // What is linked statically has none, and says so by an error.
    const { stdout } = spawnSync("ldd", [source], { encoding: "utf8" });
    const libraries = stdout.match(/(?<=\s)\/(usr\/)?lib\S+/g) ?? [];
    if (libraries.length > 0) execFileSync("cp", ["--dereference", "--parents", ...libraries, image]);
  }
}

function makeFolder(image: string, path: string, owner: number, mode: number): void {
  mkdirSync(join(image, path), { recursive: true });
  chownSync(join(image, path), owner, owner);
  chmodSync(join(image, path), mode);
}

function importImage(folder: string, name: string, changes: readonly string[]): void {
  const archive = `${folder}.tar`;
  execFileSync("tar", ["-C", folder, "-cf", archive, "."]);
  execFileSync("podman", ["import", "-q", ...changes.flatMap((change) => ["--change", change]), archive, name]);
  rmSync(archive);
  rmSync(folder, { recursive: true });
}

const postgresEntry = `#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "\${POSTGRES_PASSWORD:?is not set}"
  mkdir -p "$PGDATA"; chmod 700 "$PGDATA"
  umask 077; printf '%s\\n' "$POSTGRES_PASSWORD" >/tmp/password
  initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --no-locale --encoding=UTF8 --no-sync >/dev/null
  rm /tmp/password
  printf 'host all all all scram-sha-256\\n' >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses= -k /run/postgresql" -w start >/dev/null
  psql -qv ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -c "create database \\"$POSTGRES_DB\\""
  for file in /docker-entrypoint-initdb.d/*.sql; do
    psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" --no-password --no-psqlrc -d "$POSTGRES_DB" -f "$file"
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
fi
exec postgres -c "listen_addresses=*" -k /run/postgresql
`;

const clientPrograms = ["psql", "pg_isready"];
/** Debian's psql in the path is a wrapper of Perl; the programs are below their version. */
function client(name: string): string {
  const found = [18, 17, 16, 15].map((major) => `/usr/lib/postgresql/${major}/bin/${name}`).find(existsSync);
  if (found === undefined) throw new Error(`there is no ${name} of PostgreSQL 15 or newer`);
  return found;
}

export async function makePostgresImage(workplace: string, name: string): Promise<void> {
  const image = join(workplace, "postgres");
  const { postgres } = await findBinaries();
  // It finds its libraries and its share by where it is itself.
  cpSync(dirname(dirname(postgres)), join(image, "usr/lib/postgresql/18"), { recursive: true, verbatimSymlinks: true });
  const own = ["postgres", "initdb", "pg_ctl"].map((program) => join(dirname(postgres), program));
  copyPrograms(image, {
    ...Object.fromEntries(own.map((program) => [`usr/lib/postgresql/18/bin/${program.split("/").at(-1)}`, program])),
    ...Object.fromEntries(clientPrograms.map((program) => [`usr/bin/${program}`, client(program)])),
    ...Object.fromEntries(["sh", "mkdir", "chmod", "rm", "cat"].map((tool) => [`bin/${tool}`, `/bin/${tool}`])),
  });
  mkdirSync(join(image, "etc"), { recursive: true });
  writeFileSync(join(image, "etc/passwd"), "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n");
  writeFileSync(join(image, "usr/local-entry"), postgresEntry, { mode: 0o755 });
  makeFolder(image, "var/lib/postgresql", 999, 0o1777);
  makeFolder(image, "run/postgresql", 999, 0o3777);
  makeFolder(image, "tmp", 0, 0o1777);
  mkdirSync(join(image, "docker-entrypoint-initdb.d"));
  importImage(image, name, [
    'ENTRYPOINT ["/usr/local-entry"]',
    "ENV PATH=/usr/lib/postgresql/18/bin:/usr/bin:/bin",
    "ENV PGDATA=/var/lib/postgresql/18/docker",
    "ENV PGHOST=/run/postgresql",
    "VOLUME /var/lib/postgresql",
    "STOPSIGNAL SIGINT",
  ]);
}

export function makeCaddyImage(workplace: string, name: string): void {
  const image = join(workplace, "caddy");
  mkdirSync(image, { recursive: true });
  copyPrograms(image, { "usr/bin/caddy": findProgram("caddy") ?? "caddy" });
  makeFolder(image, "tmp", 0, 0o1777);
  importImage(image, name, [
    'CMD ["/usr/bin/caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]',
    "ENV XDG_CONFIG_HOME=/config",
    "ENV XDG_DATA_HOME=/data",
    "ENV HOME=/tmp",
  ]);
}
