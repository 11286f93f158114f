/** The secrets of a house: which it has, their values, and how the config refers to them. */
import { randomBytes } from "node:crypto";
import { newKey } from "../seal.ts";
import type { Answers, Key } from "./answers.ts";
import { text } from "./toml.ts";

/** Secrets that somebody else has made, by their usual variables. */
export const givenSecrets = {
  llmKey: "LLM_API_KEY",
  telegramToken: "TELEGRAM_TOKEN",
  calendarPassword: "CALDAV_PASSWORD",
  feedsToken: "MINIFLUX_TOKEN",
  tasksToken: "PLANE_TOKEN",
  databaseUrl: "DATABASE_URL",
} as const satisfies Partial<Record<Key, string>>;

/** Values by their variables, in the order they are written. */
export type Secrets = ReadonlyMap<string, string>;

/** 256 bits that every file and URL takes as they are. */
const fresh = (): string => randomBytes(32).toString("hex");

/** All secrets: those given, and fresh ones for all that is made here. */
export function makeSecrets(answers: Answers): Secrets {
  const secrets = new Map([
    ["OPENCLAW_KEY", newKey()],
    ["OPENCLAW_TOKEN", fresh()],
  ]);
  const given = (key: keyof typeof givenSecrets): void => {
    const value = answers[key];
    if (value !== undefined) secrets.set(givenSecrets[key], value);
  };
  given("llmKey");
  if (answers.matrixUser !== undefined) secrets.set("MATRIX_AS_TOKEN", fresh()).set("MATRIX_HS_TOKEN", fresh());
  given("telegramToken");
  if (answers.telegramToken !== undefined) secrets.set("TELEGRAM_WEBHOOK_SECRET", fresh());
  given("calendarPassword");
  given("feedsToken");
  given("tasksToken");
  if (answers.deployment === "compose") {
    const url = (user: string, password: string): string => `postgres://${user}:${password}@postgres:5432/openclaw`;
    secrets.set("DATABASE_URL", url("openclaw_gateway", fresh())).set("DATABASE_OWNER_URL", url("openclaw", fresh()));
  } else given("databaseUrl");
  return secrets;
}

/** The name of a secret as one of systemd's credentials: "openclaw-key". */
export const credentialName = (variable: string): string => variable.toLowerCase().replaceAll("_", "-");

/** How the config refers to a secret. */
export const refOf = ({ credentials }: Answers, variable: string): string =>
  credentials ? `{ credential = ${text(credentialName(variable))} }` : `{ env = ${text(variable)} }`;
