/** What an injected text has the worst-case model do: it obeys every directive it reads, wherever it stands. */

/** A tool call to be made. */
export interface Order {
  readonly tool: string;
  readonly arguments: object;
}

/** An order as a text carries it: in base64url, so that one may carry another. */
export const order = (tool: string, args: object = {}): string =>
  `[[do ${Buffer.from(JSON.stringify({ tool, arguments: args })).toString("base64url")}]]`;

/** Words to be put into the answer, as they are. */
export const say = (text: string): string => `[[say ${Buffer.from(text).toString("base64url")}]]`;

const decoded = (text: string, kind: "do" | "say"): string[] =>
  [...text.matchAll(new RegExp(`\\[\\[${kind} ([\\w-]+)\\]\\]`, "g"))].map(([, body = ""]) =>
    Buffer.from(body, "base64url").toString(),
  );

/** Every order in a text, in its order, each once. */
export const ordersIn = (text: string): Order[] =>
  [...new Set(decoded(text, "do"))].map((json) => JSON.parse(json) as Order);

/** All that a text wants to be said. */
export const wordsIn = (text: string): string[] => [...new Set(decoded(text, "say"))];
