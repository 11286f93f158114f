/** What package-lock.json may hold: packages of the registry by their hash, and no code that runs when they are installed. */

/** As much of package.json as is asked for. */
export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  /** `npm:NAME@VERSION` by the name that is replaced. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** Whether a package's install hook may run; one that has a hook is named here. */
  readonly allowScripts?: Readonly<Record<string, boolean>>;
}

/** As much of a package's entry in the lock as is asked for. */
export interface LockEntry {
  readonly name?: string;
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

/** package-lock.json; entries by their paths, such as `node_modules/a/node_modules/b`, and the project's own by "". */
export interface Lock {
  readonly lockfileVersion?: number;
  readonly packages?: Readonly<Record<string, LockEntry>>;
}

const registry = "https://registry.npmjs.org/";
const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/** Everything in a lock that is not to be trusted, as sentences; none where all is well. */
export function lockProblems(lock: Lock, manifest: Manifest): string[] {
  const packages = Object.entries(lock.packages ?? {}).filter(([path]) => path !== "");
  const { dependencies, optionalDependencies, devDependencies, allowScripts = {} } = manifest;
  const wanted = Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies });
  const hooks = new Set(packages.filter(([, entry]) => entry.hasInstallScript).map(([path]) => nameOf(path)));
  return [
    ...(lock.lockfileVersion === 3 ? [] : [`the lock is of version ${lock.lockfileVersion}, not 3`]),
    ...(packages.length > 0 ? [] : ["the lock names no packages"]),
    ...wanted.flatMap(([name, version]) =>
      exact.test(version) ? [] : [`package.json wants ${name} ${version}: name one exact version`],
    ),
    ...packages.flatMap(([path, entry]) => entryProblems(path, entry)),
    ...[...hooks].flatMap((name) =>
      Object.hasOwn(allowScripts, name)
        ? []
        : [
            `${name} has an install hook: read it, then name it in package.json's allowScripts, false if it can do without`,
          ],
    ),
    ...Object.keys(allowScripts).flatMap((name) =>
      hooks.has(name) ? [] : [`allowScripts names ${name}, which has no install hook in the lock: remove it`],
    ),
    ...Object.entries(manifest.overrides ?? {}).flatMap(([name, by]) => overrideProblems(name, by, packages)),
  ];
}

function entryProblems(path: string, { resolved, integrity, link }: LockEntry): string[] {
  if (link) return [`${path} is a link, not a package of the registry`];
  return [
    ...(integrity?.startsWith("sha512-") ? [] : [`${path} has no SHA-512 of what is to be installed`]),
    ...(resolved === undefined || resolved.startsWith(registry)
      ? []
      : [`${path} comes from ${resolved}, not from the registry`]),
  ];
}

function overrideProblems(name: string, by: string, packages: readonly (readonly [string, LockEntry])[]): string[] {
  const [, replacement, version] = /^npm:(.+)@([^@]+)$/.exec(by) ?? [];
  const found = packages.filter(([path]) => nameOf(path) === name);
  if (found.length === 0) return [`nothing needs ${name} any more: remove its override`];
  return found.flatMap(([path, entry]) =>
    entry.name === replacement && entry.version === version
      ? []
      : [`${path} is ${entry.name ?? name} ${entry.version}, where package.json overrides it by ${by}`],
  );
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
