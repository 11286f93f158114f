import { ClawError, messageOf } from "../errors.ts";
import type { Answers, Key, Known } from "./answers.ts";
import { type Looks, otherwiseOf, type Person, type Question } from "./question.ts";
import { questions } from "./questions.ts";

/** An answer that was there before anybody was asked, and where it came from: a flag or a variable. */
export interface Given {
  readonly text: string;
  readonly from: string;
}

/** Who and what can be asked. */
export interface InterviewOptions {
  readonly given: ReadonlyMap<Key, Given>;
  /** Undefined: nobody is there to be asked. */
  readonly person: Person | undefined;
  /** Only what has no default is asked for. */
  readonly defaults: boolean;
  /** Undefined: nothing is looked at. */
  readonly looks: Looks | undefined;
  /** A line beside the answers. */
  readonly tell: (line: string) => void;
}

/** Goes through all questions. Throws ClawError with everything that is missing or wrong in what was given. */
export async function interview(options: InterviewOptions): Promise<Answers> {
  const { given, looks, tell, person } = options;
  const known: Partial<Record<Key, string>> = {};
  const problems: string[] = [];
  for (const question of questions) {
    const there = given.get(question.key);
    const asked = question.when?.(known) ?? true;
    if (!asked) {
      // A variable may be set for something else.
      if (there?.from.startsWith("--")) problems.push(`${there.from} means nothing here: ${question.help}`);
      continue;
    }
    try {
      const answer = there ? taken(question, there.text, known) : await answered(question, known, options);
      if (answer === undefined) continue;
      known[question.key] = answer;
      if (there && !there.from.startsWith("--")) tell(`${there.from} is set, and taken.`);
      for (const line of (looks && (await question.look?.(known, looks))) ?? []) tell(`  ${line}`);
    } catch (thrown) {
      if (!(thrown instanceof ClawError)) throw thrown;
      problems.push(`${there?.from ?? question.flag}: ${thrown.message}`);
      // All that follows would be asked for nothing.
      if (person && there) break;
    }
  }
  if (problems.length > 0) {
    if (!person)
      problems.push("(nobody was asked, since standard input is no terminal: `claw init --help` has all flags)");
    throw new ClawError("bad_request", problems.join("\n"));
  }
  return known as Answers;
}

/** A given answer; an empty one leaves out what may be left out. */
function taken(question: Question, text: string, known: Known): string | undefined {
  if (text.trim() === "" && otherwiseOf(question, known) !== undefined) return undefined;
  return question.check(text.trim(), known);
}

async function answered(question: Question, known: Known, options: InterviewOptions): Promise<string | undefined> {
  const { person, looks, defaults } = options;
  const suggestion = await question.suggest?.(known, looks);
  const otherwise = otherwiseOf(question, known);
  const hasDefault = suggestion !== undefined || (otherwise !== undefined && question.leftOutBy === undefined);
  if (person && question.ask !== undefined && !(defaults && hasDefault))
    return askPerson(question, known, { ...options, person }, suggestion ?? undefined);
  if (suggestion !== undefined) return question.check(suggestion, known);
  if (hasDefault) return undefined;
  throw new ClawError("bad_request", `is missing: ${question.help}`);
}

/** Asks until the answer will do. */
async function askPerson(
  question: Question,
  known: Known,
  { person, looks }: InterviewOptions & { readonly person: Person },
  suggestion: string | undefined,
): Promise<string | undefined> {
  const otherwise = otherwiseOf(question, known);
  const hints = [question.secret === undefined ? "" : " (not shown)"];
  if (suggestion !== undefined) hints.push(` [${suggestion}]`);
  else if (otherwise !== undefined) hints.push(` (enter: ${otherwise})`);
  const before = looks && (await question.before?.(known, looks));
  if (before) person.tell(`  ${before}`);
  for (;;) {
    const typed = (await person.ask(`${question.ask}${hints.join("")}:`, question.secret !== undefined)).trim();
    if (typed === "" && suggestion === undefined && otherwise !== undefined)
      return looks && question.find?.(known, looks, person);
    if (typed === "" && suggestion === undefined) person.tell("  this has to be known");
    else
      try {
        return question.check(typed || (suggestion ?? ""), known);
      } catch (thrown) {
        if (!(thrown instanceof ClawError)) throw thrown;
        person.tell(`  it ${messageOf(thrown)}`);
      }
  }
}
