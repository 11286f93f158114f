/** The files of a config, as `claw init` makes them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { makeRegistration, registrationYaml } from "../matrix/registration.ts";
import { type Answers, titled } from "./answers.ts";
import { promptFile } from "./config-people.ts";
import { configText } from "./config-text.ts";
import { envLine } from "./env-text.ts";
import { credentialName, type Secrets } from "./secrets.ts";

/** One file, by its path below the config's folder. Whoever may read it may read what it says: secrets are 0600. */
export interface HouseFile {
  readonly path: string;
  readonly mode: 0o600 | 0o644;
  readonly text: string;
}

/** The files that stand in every config's folder. */
export const configFile = "openclaw.toml";
export const registrationFile = "appservice.yaml";
export const envFile = ".env";
export const credentialsFolder = "credentials";
export const postgresEnvFile = "postgres.env";

/** All files of a house; the config itself is the last. */
export async function houseFiles(answers: Answers, secrets: Secrets): Promise<HouseFile[]> {
  return [
    { path: promptFile(answers), mode: 0o644, text: promptText(answers) },
    ...secretFiles(answers, secrets),
    ...(answers.matrixUser === undefined ? [] : [await registration(answers, secrets)]),
    ...(answers.deployment === "compose" ? [postgresEnv(secrets)] : []),
    { path: configFile, mode: 0o644, text: configText(answers) },
  ];
}

/** The instructions that come with the gateway, for an agent of this name. */
function promptText({ agent }: Answers): string {
  const [file, itsName] = agent === "helper" ? ["helper", "Helper"] : ["ops", "Ops"];
  const text = readFileSync(fileURLToPath(new URL(`../../prompts/${file}.md`, import.meta.url)), "utf8");
  return text.replace(`You are ${itsName},`, `You are ${titled(agent)},`);
}

function secretFiles(answers: Answers, secrets: Secrets): HouseFile[] {
  if (answers.credentials)
    return [...secrets].map(([name, value]) => ({
      path: `${credentialsFolder}/${credentialName(name)}`,
      mode: 0o600,
      text: `${value}\n`,
    }));
  const head = [
    "# The secrets that openclaw.toml names. Never commit this file in the clear.",
    "# Keep a copy of OPENCLAW_KEY elsewhere: nothing that is stored opens without it.",
  ];
  const values = [...secrets].map(([name, value]) => envLine(name, value, answers.deployment));
  return [{ path: envFile, mode: 0o600, text: `${[...head, ...values].join("\n")}\n` }];
}

async function registration(answers: Answers, secrets: Secrets): Promise<HouseFile> {
  const made = await makeRegistration({
    url: answers.appserviceUrl ?? "",
    serverName: answers.matrixServer ?? "",
    sender: "openclaw",
    namespace: "agent_",
    tokens: { asToken: secrets.get("MATRIX_AS_TOKEN") ?? "", hsToken: secrets.get("MATRIX_HS_TOKEN") ?? "" },
  });
  return { path: registrationFile, mode: 0o600, text: registrationYaml(made) };
}

/** For the database's own container: who owns the tables, and whom the gateway connects as. */
function postgresEnv(secrets: Secrets): HouseFile {
  const password = (name: string): string => new URL(secrets.get(name) ?? "").password;
  const values = [
    "# Read by the database's container, when it is made.",
    "POSTGRES_USER=openclaw",
    "POSTGRES_DB=openclaw",
    `POSTGRES_PASSWORD=${password("DATABASE_OWNER_URL")}`,
    `GATEWAY_PASSWORD=${password("DATABASE_URL")}`,
  ];
  return { path: postgresEnvFile, mode: 0o600, text: `${values.join("\n")}\n` };
}
