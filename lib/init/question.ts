import type { z } from "zod";
import { ClawError } from "../errors.ts";
import type { Key, Known } from "./answers.ts";
import { isDeployment } from "./deployments.ts";
import { envProblem } from "./env-text.ts";
import type { Seen } from "./look.ts";
import type { Writer } from "./look-telegram.ts";
import { safeParse } from "../safe-parse.ts";

/** What can be looked at while asking. Each answers in words, and none throws. */
export interface Looks {
  readonly models: (baseUrl: string, key: string | undefined) => Promise<Seen<readonly string[]>>;
  readonly homeserver: (url: string) => Promise<Seen<true>>;
  readonly discover: (serverName: string) => Promise<string | undefined>;
  readonly bot: (token: string, apiRoot?: string) => Promise<Seen<string>>;
  readonly writers: (text: string, token: string, apiRoot?: string) => Promise<Seen<readonly Writer[]>>;
}

/** Who answers. */
export interface Person {
  /** What is typed after the question; `hidden`: it is not shown. Throws where they leave. */
  ask(question: string, hidden: boolean): Promise<string>;
  /** A line for them alone. */
  tell(line: string): void;
}

/** One thing to be known: its flag, its question, and what is taken for an answer. */
export interface Question {
  readonly key: Key;
  /** As commander takes it: "--llm-url <url>". */
  readonly flag: string;
  readonly help: string;
  /** Left out: it is never asked for. */
  readonly ask?: string;
  /** The variable it may also be taken from. It is not shown as it is typed, and its flag names a file: nothing secret in argv. */
  readonly secret?: string;
  /** Where it has a meaning at all; left out, always. */
  readonly when?: (known: Known) => boolean;
  /** What is told before it is asked. */
  readonly before?: (known: Known, looks: Looks) => Promise<string>;
  /** The flag that leaves it out where nobody is asked: too easily forgotten to be left out by saying nothing. */
  readonly leftOutBy?: string;
  /** What leaving it out means; undefined: it must be known. */
  readonly otherwise?: string | ((known: Known) => string | undefined);
  /** The answer that enter takes, and that is taken where nobody is asked. */
  readonly suggest?: (known: Known, looks: Looks | undefined) => string | undefined | Promise<string | undefined>;
  /** The answer as it is kept; throws ClawError with what is wrong. */
  readonly check: (text: string, known: Known) => string;
  /** What is seen of the answer, or of its being left out; undefined: nothing that has to be told. Who doubts it is asked again. */
  readonly look?: (known: Known, looks: Looks) => Promise<Seen<unknown> | undefined>;
  /** Finds the answer with the person, who has left it open. */
  readonly find?: (known: Known, looks: Looks, person: Person) => Promise<string | undefined>;
}

/** A check by the rule of a key of the config. */
export const by =
  (schema: z.ZodType<string>) =>
  (text: string): string => {
    const result = safeParse(schema, text);
    if (result.success) return result.data;
    throw wrong(result.error.issues[0]?.message ?? "is not valid");
  };

/** What is wrong with an answer, to be read after its name. */
export const wrong = (what: string): ClawError => new ClawError("bad_request", what);

/** What leaving a question out means just now; undefined: it must be answered. */
export const otherwiseOf = ({ otherwise }: Question, known: Known): string | undefined =>
  typeof otherwise === "function" ? otherwise(known) : otherwise;

/** A check of a secret: one line that the file it goes into keeps as it is. */
export const secretText: Question["check"] = (text, { deployment = "", credentials }) => {
  if (/\p{Cc}/u.test(text)) throw wrong("must be one line");
  const problem =
    credentials === undefined ? envProblem(text, isDeployment(deployment) ? deployment : "here") : undefined;
  if (problem !== undefined) throw wrong(problem);
  return text;
};

/** A check of a key or a token, which services make of one word. */
export const tokenText: Question["check"] = (text, known) => {
  if (!/^[\x21-\x7e]+$/.test(text)) throw wrong("must be one word of plain letters: is more than the secret there?");
  return secretText(text, known);
};
