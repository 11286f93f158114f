/** What the scene of compose.test.ts saw, for the test to judge. */

/** What was seen of the containers that one program brought up. */
export interface ComposeFacts {
  readonly services: readonly string[];
  readonly answer: string;
  /** What the internet gets for paths of the private listener. */
  readonly closed: Readonly<Record<string, number>>;
  /** Of `/proc/PID/status` of each service's first process: uid, capabilities, whether it may gain privileges. */
  readonly processes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Of the engine's word on each service: root read-only, bytes of memory, thousandths of a millionth of a processor, processes. */
  readonly limits: Readonly<Record<string, readonly [boolean, number, number, number]>>;
  readonly publishedOn: readonly string[];
  /** Lines of `claw doctor` in the gateway's container. */
  readonly doctor: readonly string[];
}

export interface ComposeSceneFacts {
  /** How long each step took, in seconds. */
  readonly seconds: Readonly<Record<string, number>>;
  /** Modes of what `claw init` left in the config folder. */
  readonly configModes: Readonly<Record<string, string>>;
  readonly docker: ComposeFacts;
  readonly podman: ComposeFacts;
  /** Whether the gateway was made only when PostgreSQL was healthy; podman-compose 1.0.3 does not wait. */
  readonly waitedForDatabase: boolean;
  readonly databaseLogins: readonly string[];
  readonly tableOwners: readonly string[];
  /** Routes of PostgreSQL's container that lead out. */
  readonly databaseDefaultRoutes: number;
  /** What the image's own health check says of a gateway that runs. */
  readonly gatewayIsHealthy: boolean;
  readonly reload: {
    readonly check: string;
    readonly before: readonly string[];
    readonly after: readonly string[];
    /** Whether it is the same process still. */
    readonly sameProcess: boolean;
  };
  /** How often what was under way was answered when the gateway was killed. */
  readonly answersAfterKill: number;
  readonly upgrade: {
    /** Whether the gateway's container is of the new image. */
    readonly toNewImage: boolean;
    /** How often what was under way was answered. */
    readonly answers: number;
  };
  /** Files of the backup that the identity opens, by `age` and `tar` alone. */
  readonly backupHolds: readonly string[];
  readonly backupMode: string;
  readonly stopped: { readonly code: string; readonly drained: boolean };
  readonly restore: {
    /** What was printed. */
    readonly said: string;
    readonly configModes: Readonly<Record<string, string>>;
    readonly doctor: readonly string[];
    readonly tableOwners: readonly string[];
    readonly answer: string;
    /** Whether the model was shown what had been said before the backup. */
    readonly remembers: boolean;
  };
  /** Of OPENCLAW_KEY, with what its command printed. */
  readonly rotation: { readonly said: string; readonly answer: string; readonly remembers: boolean };
  /** Whether podman-compose's backup job left a file. */
  readonly podmanBackup: boolean;
  /** Messages in the database at the end: those of the backup, and those since. */
  readonly messagesKept: number;
  /** Where a secret was seen that it has no business at. */
  readonly leaks: readonly string[];
}
