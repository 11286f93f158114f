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
  const { given, person } = options;
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
      await settle(question, known, options);
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

/** Takes one answer, or asks for it; again where what is seen of it is doubtful, until it is given twice. */
async function settle(
  question: Question,
  known: Partial<Record<Key, string>>,
  options: InterviewOptions,
): Promise<void> {
  const { given, person, defaults, looks, tell } = options;
  const { key } = question;
  const there = given.get(key);
  const mayAsk = person !== undefined && !defaults && !there;
  for (let before: { readonly answer: string | undefined } | undefined; ;) {
    const answer = there
      ? taken(question, there.text, known)
      : await answered(question, known, options, before?.answer);
    if (answer !== undefined) known[key] = answer;
    if (before !== undefined && before.answer === answer) return;
    if (there && answer !== undefined && !there.from.startsWith("--")) tell(`${there.from} is set, and taken.`);
    const seen = looks && (await question.look?.(known, looks));
    const again = mayAsk && seen?.doubt !== undefined;
    if (seen) tell(`  ${seen.said}${again ? "; enter takes it all the same" : ""}`);
    if (!again) return;
    before = { answer };
  }
}

/** A given answer; an empty one leaves out what may be left out. */
function taken(question: Question, text: string, known: Known): string | undefined {
  if (text.trim() === "" && otherwiseOf(question, known) !== undefined) return undefined;
  return question.check(text.trim(), known);
}

/** `before`: what was answered and doubted; enter takes it again. */
async function answered(
  question: Question,
  known: Known,
  options: InterviewOptions,
  before: string | undefined,
): Promise<string | undefined> {
  const { person, looks, defaults } = options;
  const suggestion = before ?? (await question.suggest?.(known, looks));
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
  if (suggestion !== undefined) hints.push(question.secret === undefined ? ` [${suggestion}]` : " (enter: the same)");
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
