/** Whether words name an agent, and the words without its name in front. Says nothing about who may speak. */
import type { Agent, Config } from "../config/config.ts";
import { matrixUserId } from "../config/config.ts";
import { escapeRegex } from "./escape-regex.ts";
import type { MatrixMessage } from "./event.ts";

interface Naming {
  readonly user: string;
  readonly anywhere: RegExp;
  /** A name in front that is plainly an address: "Ops:", "@ops", a full id, or a link to it. */
  readonly inFront: RegExp;
  /** Any name in front; taken off where the message mentions the agent anyway. */
  readonly bareInFront: RegExp;
}

// An agent is made anew by every load of the config.
const namings = new WeakMap<Agent, Naming>();

/** The name an agent shows on Matrix. */
export const displayName = (agent: Agent): string => agent.matrix?.display_name ?? agent.name;

/** Whether the message mentions the agent, or has its full id, localpart or display name as a whole word. */
export function isNamed(config: Config, agent: Agent, message: MatrixMessage): boolean {
  const naming = namingOf(config, agent);
  if (!naming) return false;
  return (
    message.mentions.includes(naming.user) ||
    naming.anywhere.test(message.text) ||
    (message.html !== undefined && (naming.anywhere.test(message.html) || linksTo(message.html, naming.user)))
  );
}

/** The text without the agent's name in front; as it is where nothing would be left. */
export function withoutName(config: Config, agent: Agent, message: Pick<MatrixMessage, "text" | "mentions">): string {
  const naming = namingOf(config, agent);
  if (!naming) return message.text;
  const front = message.mentions.includes(naming.user) ? naming.bareInFront : naming.inFront;
  const rest = message.text.replace(front, "");
  return rest.trim() === "" ? message.text : rest;
}

const linksTo = (html: string, user: string): boolean =>
  html.includes(`https://matrix.to/#/${user}`) || html.includes(`https://matrix.to/#/${encodeURIComponent(user)}`);

function namingOf(config: Config, agent: Agent): Naming | undefined {
  const known = namings.get(agent);
  if (known) return known;
  const user = matrixUserId(config, agent);
  if (!user || !agent.matrix) return undefined;
  const id = escapeRegex(user);
  const names = `(?:${[agent.matrix.localpart, displayName(agent)].map(escapeRegex).join("|")})`;
  const link = `\\[[^\\]\\n]{0,255}\\]\\(https://matrix\\.to/#/(?:${id}|${escapeRegex(encodeURIComponent(user))})\\)`;
  const naming: Naming = {
    user,
    anywhere: new RegExp(`(?<![\\p{L}\\p{N}_])(?:${id}|${names})(?![\\p{L}\\p{N}_])`, "iu"),
    inFront: new RegExp(`^\\s*(?:(?:${link}|${id}|@${names})(?:[:,]|(?=\\s))|${names}[:,])\\s*`, "iu"),
    bareInFront: new RegExp(`^\\s*(?:${link}|${id}|@?${names})(?:[:,]|(?=\\s))\\s*`, "iu"),
  };
  namings.set(agent, naming);
  return naming;
}
