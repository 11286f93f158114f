import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "../../support/property.ts";
import { parse } from "smol-toml";
import { Environment, readEnvFile } from "../../../lib/config/environment.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import type { Answers, Key } from "../../../lib/init/answers.ts";
import { envLine, envProblem } from "../../../lib/init/env-text.ts";
import { houseFiles } from "../../../lib/init/house.ts";
import { makeSecrets, type Secrets } from "../../../lib/init/secrets.ts";
import { writeHouse } from "../../../lib/init/write-house.ts";
import { configWarnings } from "../../../lib/policy/warnings.ts";
import type { Config } from "../../../lib/config/config.ts";
import { builtinToolFacts } from "../../../lib/tools/builtin.ts";
import { answersOf, folder, least, most } from "./support.ts";

const load = (directory: string): Config =>
  loadConfig(join(directory, "openclaw.toml"), {
    env: new Environment({
      ...readEnvFile(join(directory, ".env")),
      CREDENTIALS_DIRECTORY: join(directory, "credentials"),
    }),
    tools: builtinToolFacts(),
  });

interface House {
  readonly directory: string;
  readonly answers: Answers;
  readonly secrets: Secrets;
  readonly config: Config;
  readonly text: string;
  readonly paths: readonly string[];
}

let houses = 0;

async function house(parent: string, values: Partial<Record<Key, string>>): Promise<House> {
  const answers = await answersOf(values);
  const directory = join(parent, `house-${++houses}`);
  const secrets = makeSecrets(answers);
  const files = await houseFiles(answers, secrets);
  writeHouse(directory, files, (aside) => void load(aside));
  const text = readFileSync(join(directory, "openclaw.toml"), "utf8");
  return { directory, answers, secrets, config: load(directory), text, paths: files.map(({ path }) => path) };
}

/** The warnings a config may have: what is open is said, and compose publishes on loopback. */
function meant({ answers, config }: House): string[] {
  const nobody = answers.matrixUser === undefined && answers.telegramUser === undefined;
  return [
    ...(nobody ? ["groups.owners has no members"] : []),
    ...(nobody
      ? [`nobody may talk to agents.${answers.agent}: name it in a group whose members share its channel`]
      : []),
    ...(config.listen.private.startsWith("0.0.0.0")
      ? ["listen.private listens on every interface: publish its port on 127.0.0.1 only"]
      : []),
  ];
}

const optional = <Of>(of: fc.Arbitrary<Of>): fc.Arbitrary<Of | undefined> => fc.option(of, { nil: undefined });
const word = fc.stringMatching(/^[A-Za-z0-9_.+=-]{16,40}$/);

/** Any answers that belong together. */
const anyAnswers = fc
  .record({
    deployment: fc.constantFrom("here", "compose", "systemd"),
    credentials: optional(fc.constant("yes")),
    timezone: fc.constantFrom("Europe/Berlin", "UTC", "America/New_York"),
    llmUrl: fc.constantFrom("https://llm.example/v1/", "http://127.0.0.1:8000/v1"),
    llmKey: fc.oneof(fc.constant(""), word),
    model: fc.constantFrom("some-model", 'a "model"\\ with quotes', "org/model:free"),
    price: optional(fc.constantFrom("0/0", "0.25/2", "10/30.5")),
    images: optional(fc.constant("yes")),
    agent: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
    description: optional(fc.constantFrom("Watches", "“Quotes” \\ and # hash", '"""', "\u{1F916}")),
    matrix: optional(fc.record({ room: fc.boolean(), server: fc.boolean() })),
    telegram: optional(fc.record({ user: fc.boolean(), url: fc.boolean(), root: fc.boolean() })),
    alertsUrl: optional(fc.constant("http://127.0.0.1:9093")),
    calendar: optional(fc.record({ user: fc.boolean(), ics: fc.boolean() })),
    feeds: fc.boolean(),
    tasks: fc.boolean(),
    scheduler: optional(fc.constantFrom("internal", "external")),
    database: fc.boolean(),
    recipient: fc.boolean(),
    secret: word,
  })
  .filter(({ matrix, telegram }) => matrix !== undefined || telegram !== undefined)
  .map(({ matrix, telegram, calendar, feeds, tasks, database, recipient, secret, ...rest }) => {
    const values: Partial<Record<Key, string | undefined>> = {
      ...rest,
      ...(rest.deployment !== "systemd" && { credentials: undefined }),
      ...(matrix && {
        matrixUser: "@me:home.example",
        ...(matrix.room && { matrixRoom: "!ops:home.example" }),
        ...(matrix.server && { matrixServer: "[::1]:8448" }),
      }),
      ...(telegram && {
        telegramToken: `111:canary-telegram-${secret}`.replaceAll(/[.+=]/g, "_"),
        ...(telegram.user && { telegramUser: "telegram:123456789" }),
        ...(telegram.url && { publicUrl: "https://claw.example/" }),
        ...(telegram.root && { telegramApiRoot: "http://127.0.0.1:8082" }),
      }),
      ...(calendar && {
        calendarUrl: calendar.ics ? "https://cal.example/a.ICS" : "http://127.0.0.1:5232/me/",
        ...(calendar.user && { calendarUser: "me", calendarPassword: `canary-caldav-${secret}` }),
      }),
      ...(feeds && { feedsUrl: "http://127.0.0.1:8082", feedsToken: `canary-miniflux-${secret}` }),
      ...(tasks && { tasksUrl: "https://plane.example", tasksWorkspace: "home", tasksToken: `canary-plane-${secret}` }),
      ...(database && rest.deployment !== "compose" && { databaseUrl: "postgres://me:canary-password@db:5432/claw" }),
      ...(recipient && { recipient: most.recipient }),
    };
    return Object.fromEntries(
      Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
  });

test("whatever is answered, the config loads, warns of nothing but what was left open, and holds no secret", async (t) => {
  const parent = folder(t);
  await fc.assert(
    fc.asyncProperty(anyAnswers, async (values) => {
      const made = await house(parent, values);
      assert.deepEqual(configWarnings(made.config), meant(made));
      const readable = made.paths.filter((path) => (statSync(join(made.directory, path)).mode & 0o077) !== 0);
      assert.deepEqual(readable, [`prompts/${made.answers.agent}.md`, "openclaw.toml"]);
      for (const path of made.paths)
        assert.equal(statSync(join(made.directory, path)).mode & 0o777, readable.includes(path) ? 0o644 : 0o600, path);
      for (const path of readable)
        for (const [name, value] of made.secrets)
          assert.ok(!readFileSync(join(made.directory, path), "utf8").includes(value), `${name} in ${path}`);
      // Every secret is used, and by the one who asked for it.
      assert.equal(made.config.key.reveal(), made.secrets.get("OPENCLAW_KEY"));
      assert.equal(made.config.backends.get("main")?.apiKey?.reveal(), made.secrets.get("LLM_API_KEY"));
      assert.equal(made.config.telegram.get("home")?.token.reveal(), made.secrets.get("TELEGRAM_TOKEN"));
      assert.equal(made.config.matrix?.hsToken.reveal(), made.secrets.get("MATRIX_HS_TOKEN"));
      assert.equal(made.config.database.url?.reveal(), made.secrets.get("DATABASE_URL"));
      assert.equal(made.config.database.ownerUrl?.reveal(), made.secrets.get("DATABASE_OWNER_URL"));
      assert.equal(made.config.agents.get(made.answers.agent)?.description, made.answers.description);
    }),
    { numRuns: 60 },
  );
});

test("a full house: the three jobs, each service, both channels", async (t) => {
  const { config, paths } = await house(folder(t), most);
  assert.deepEqual(
    [...config.jobs.values()].map(({ name, schedule, deliver }) => [name, schedule, ...deliver]),
    [
      ["morning-briefing", "0 8 * * 1-5", "matrix:!ops:home.example", "telegram:123456789"],
      ["weekly-digest", "0 19 * * 5", "matrix:!ops:home.example", "telegram:123456789"],
      ["task-review", "0 9 * * 1", "matrix:!ops:home.example", "telegram:123456789"],
    ],
  );
  assert.equal(config.telegram.get("home")?.webhook_url, "https://claw.example/telegram/home");
  assert.deepEqual(config.groups.get("owners")?.members, ["matrix:@me:home.example", "telegram:123456789"]);
  assert.equal(config.operator, "matrix:!ops:home.example");
  assert.equal(config.scheduler, "internal");
  assert.deepEqual(config.backends.get("main")?.price, { input: 0.25, output: 2 });
  assert.deepEqual(paths, ["prompts/ops.md", ".env", "appservice.yaml", "openclaw.toml"]);
});

test("jobs that have no place to speak in are off, and load once they have one", async (t) => {
  const { matrixRoom: _, telegramUser: __, ...homeless } = most;
  const { directory, text, config } = await house(folder(t), homeless);
  assert.equal(config.jobs.size, 0);
  const on = text.replaceAll(/^#(?=\[jobs|agent = |function|schedule|tools|for |deliver)/gm, "");
  assert.equal(Object.keys(parse(on)["jobs"] as object).length, 3);
  writeFileSync(join(directory, "openclaw.toml"), on);
  assert.deepEqual([...load(directory).jobs.keys()], ["morning-briefing", "weekly-digest", "task-review"]);
});

test("compose: two logins whose passwords the database's own file has, and listeners inside of the container", async (t) => {
  const { directory, config, secrets } = await house(folder(t), { ...least, deployment: "compose" });
  const postgres = readEnvFile(join(directory, "postgres.env"));
  const url = (name: string): URL => new URL(secrets.get(name) ?? "");
  assert.deepEqual(postgres, {
    POSTGRES_USER: "openclaw",
    POSTGRES_DB: "openclaw",
    POSTGRES_PASSWORD: url("DATABASE_OWNER_URL").password,
    GATEWAY_PASSWORD: url("DATABASE_URL").password,
  });
  assert.equal(
    url("DATABASE_URL").href.replace(/:[0-9a-f]{64}@/, "@"),
    "postgres://openclaw_gateway@postgres:5432/openclaw",
  );
  assert.equal(url("DATABASE_OWNER_URL").username, "openclaw");
  assert.deepEqual(config.listen, { public: "0.0.0.0:8080", private: "0.0.0.0:8081" });
  assert.equal(config.dataDir, "/var/lib/openclaw");
  assert.equal(config.matrix?.homeserver, "http://synapse:8008");
  assert.match(readFileSync(join(directory, "appservice.yaml"), "utf8"), /^url: "http:\/\/gateway:8080"$/m);
});

test("an agent of any name has instructions that call it so", async (t) => {
  const parent = folder(t);
  for (const [agent, begin] of [
    ["ops", "You are Ops, the operations assistant"],
    ["helper", "You are Helper, a friendly assistant"],
    ["watchdog", "You are Watchdog, the operations assistant"],
  ] as const) {
    const { config } = await house(parent, { ...least, agent });
    assert.ok(config.agents.get(agent)?.prompt.startsWith(begin), agent);
  }
});

test("a secret in .env is what Node and a shell read again, or is refused before", (t) => {
  const directory = folder(t);
  const file = join(directory, "env");
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), (any) => {
      const value = any.replaceAll(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\ufeff]/gu, "").trim();
      if (value === "" || envProblem(value, "here") !== undefined) return;
      writeFileSync(file, `${envLine("SECRET", value, "here")}\n`);
      assert.equal(readEnvFile(file)["SECRET"], value);
    }),
  );
  const odd = 'a b#c$d\\e"f`g;h&i|j(k)é';
  writeFileSync(file, `${envLine("SECRET", odd, "here")}\n`);
  const shell = execFileSync("sh", ["-c", '. "$1"; printf %s "$SECRET"', "sh", file], { encoding: "utf8" });
  assert.deepEqual([readEnvFile(file)["SECRET"], shell], [odd, odd]);
  assert.match(envProblem("it's", "here") ?? "", /no env_file keeps/);
  for (const value of ["a b", "a#b", "a$b", "é", "a'b", "a\\b"])
    assert.match(envProblem(value, "compose") ?? "", /read differently/, value);
  assert.equal(envLine("SECRET", "a!b;c&d", "compose"), "SECRET=a!b;c&d");
});
