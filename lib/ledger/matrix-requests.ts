/** What `claw matrix verify` and `selftest` ask of the gateway that holds an agent, and what it answers. */
import type { Sql } from "postgres";

/** A line for the person at the terminal; `emoji` are to be compared. */
export interface ProgressLine {
  readonly text: string;
  readonly emoji?: readonly { readonly symbol: string; readonly description: string }[];
}

/** One wish. */
export interface MatrixRequest {
  readonly id: number;
  /** The agent's full user id. */
  readonly user: string;
  readonly kind: "verify" | "selftest";
  readonly state: "open" | "done" | "failed";
  readonly asked: { readonly person?: string; readonly room?: string; readonly peer?: string };
  readonly progress: readonly ProgressLine[];
  /** What the person at the terminal said, where they were asked. */
  readonly answer: string | undefined;
  readonly ageMs: number;
}

interface Row extends Omit<MatrixRequest, "user" | "answer" | "ageMs"> {
  readonly user_id: string;
  readonly answer: string | null;
  readonly age_ms: number;
}

const requestOf = ({ user_id: user, answer, age_ms: ageMs, ...row }: Row): MatrixRequest => ({
  ...row,
  user,
  answer: answer ?? undefined,
  ageMs,
});

/** Asks; returns the id. Older open wishes of the same kind end. */
export async function askGateway(
  sql: Sql,
  user: string,
  kind: MatrixRequest["kind"],
  asked: MatrixRequest["asked"],
): Promise<number> {
  await sql`update matrix_requests set state = 'failed' where user_id = ${user} and kind = ${kind} and state = 'open'`;
  const [row] = await sql<{ id: number }[]>`
    insert into matrix_requests (user_id, kind, asked) values (${user}, ${kind}, ${sql.json(asked)}) returning id`;
  if (!row) throw new Error("an insert returned no row");
  return row.id;
}

/** One wish, however far it is. */
export async function requestById(sql: Sql, id: number): Promise<MatrixRequest | undefined> {
  const [row] = await sql<Row[]>`
    select id, user_id, kind, state, asked, progress, answer, (extract(epoch from now() - created_at) * 1000)::float8 as age_ms
    from matrix_requests where id = ${id}`;
  return row && requestOf(row);
}

/** What these agents are asked, oldest first. */
export async function openRequests(sql: Sql, users: readonly string[]): Promise<readonly MatrixRequest[]> {
  const rows = await sql<Row[]>`
    select id, user_id, kind, state, asked, progress, answer, (extract(epoch from now() - created_at) * 1000)::float8 as age_ms
    from matrix_requests where state = 'open' and user_id = any(${[...users]}) order by id`;
  return rows.map(requestOf);
}

/** Adds a line, and ends the wish where `state` says so. */
export async function report(
  sql: Sql,
  id: number,
  line: ProgressLine,
  state: MatrixRequest["state"] = "open",
): Promise<void> {
  await sql`
    update matrix_requests set progress = progress || ${sql.json([line] as never)}::jsonb, state = ${state}
    where id = ${id} and state = 'open'`;
}

/** What the person at the terminal says. */
export async function answerRequest(sql: Sql, id: number, answer: string): Promise<void> {
  await sql`update matrix_requests set answer = ${answer} where id = ${id}`;
}
