/** What `claw init` knows once all is asked. */

/** Where the gateway is going to run. */
export type DeploymentName = "here" | "compose" | "systemd";

/** What may be asked or given by a flag. */
export type Key =
  | "deployment"
  | "credentials"
  | "timezone"
  | "llmUrl"
  | "llmKey"
  | "model"
  | "images"
  | "price"
  | "agent"
  | "description"
  | "matrixUser"
  | "matrixServer"
  | "homeserver"
  | "appserviceUrl"
  | "matrixRoom"
  | "telegramApiRoot"
  | "telegramToken"
  | "telegramUser"
  | "publicUrl"
  | "alertsUrl"
  | "calendarUrl"
  | "calendarUser"
  | "calendarPassword"
  | "feedsUrl"
  | "feedsToken"
  | "tasksUrl"
  | "tasksWorkspace"
  | "tasksToken"
  | "scheduler"
  | "databaseUrl"
  | "recipient"
  | "listenPublic"
  | "listenPrivate";

type Always = "deployment" | "timezone" | "llmUrl" | "model" | "agent" | "description" | "scheduler";
type Listeners = "listenPublic" | "listenPrivate";

/** Answers so far, each checked; what was skipped is not there. */
export type Known = Readonly<Partial<Record<Key, string>>>;

/** All answers. A channel or a service is used where its address, token or person is there; a switch is "yes". */
export type Answers = Known & Readonly<Record<Always | Listeners, string>> & { readonly deployment: DeploymentName };

/** The person it is made for, by full id, on each channel where it is known. */
export const membersOf = ({ matrixUser, telegramToken, telegramUser }: Known): string[] => [
  ...(matrixUser === undefined ? [] : [`matrix:${matrixUser}`]),
  ...(telegramToken === undefined || telegramUser === undefined ? [] : [`telegram:${telegramUser}`]),
];

/** Where jobs may speak, as far as it is known: a direct chat on Matrix has no id before it is there. */
export const placesOf = ({ matrixRoom, telegramToken, telegramUser }: Known): string[] => [
  ...(matrixRoom === undefined ? [] : [`matrix:${matrixRoom}`]),
  ...(telegramToken === undefined || telegramUser === undefined ? [] : [`telegram:${telegramUser}`]),
];

/** A name as it begins a sentence: "ops" is "Ops". */
export const titled = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
