import { and, desc, eq, lt, type SQL, sql as raw } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { notes } from "../../drizzle/schema/notes.ts";
import { taintColumn, taintSources } from "../policy/taint.ts";
import type { Keyring } from "../seal.ts";
import type { Note, NoteOwner, NoteStore, NoteToWrite } from "../tools/notes.ts";

/** What is sealed of a note. */
interface Body {
  readonly title: string;
  readonly text: string;
  /** The calls that wrote to it last. One may be repeated after a crash though another run wrote in between. */
  readonly calls: readonly string[];
}

type Row = typeof notes.$inferSelect;

const rememberedCalls = 32;
const pageSize = 50;

/** Titles are the same whatever their case, spaces and forms of letters. */
const normalised = (title: string): string => title.normalize("NFKC").toLowerCase().trim().replaceAll(/\s+/g, " ");

const nameOf = ({ agent, principal }: Pick<Row, "agent" | "principal">): string => JSON.stringify([agent, principal]);

/** The associated data of a note's body. */
export const noteSeal = (note: Pick<Row, "agent" | "principal" | "titleHash">): string =>
  `note:${nameOf(note)}:${note.titleHash}`;

/** The keyed hash that a note is found by. */
export const noteTitleHash = (
  { titleHash }: Pick<Keyring, "titleHash">,
  owner: Pick<Row, "agent" | "principal">,
  title: string,
): string => titleHash(nameOf(owner), normalised(title));

/** Notes in Postgres, sealed; a title is found by its keyed hash, which is another one for each owner. */
export function createNotes(database: PostgresJsDatabase, keyring: Pick<Keyring, "bodies" | "titleHash">): NoteStore {
  const { bodies } = keyring;
  const hashOf = (owner: NoteOwner, title: string): string => noteTitleHash(keyring, owner, title);
  const mine = ({ agent, principal }: NoteOwner): SQL | undefined =>
    and(eq(notes.agent, agent), eq(notes.principal, principal));
  const titled = (owner: NoteOwner, hash: string): SQL | undefined => and(mine(owner), eq(notes.titleHash, hash));
  const bodyOf = (row: Row): Body => bodies.openJson(row.body, noteSeal(row)) as Body;
  const toNote = (row: Row, { title, text }: Body): Note => {
    return { title, text, taint: taintSources(row.taint), updatedAt: row.updatedAt };
  };

  return {
    async read(owner, title) {
      const [row] = await database
        .select()
        .from(notes)
        .where(titled(owner, hashOf(owner, title)));
      return row && toNote(row, bodyOf(row));
    },

    async *list(owner) {
      // By pages of what is older: a note written meanwhile is neither missed nor shown twice.
      let older: Row | undefined;
      for (;;) {
        const before: SQL | undefined =
          older &&
          lt(raw`(${notes.updatedAt}, ${notes.id})`, raw`(${older.updatedAt.toISOString()}::timestamptz, ${older.id})`);
        const rows = await database
          .select()
          .from(notes)
          .where(and(mine(owner), before))
          .orderBy(desc(notes.updatedAt), desc(notes.id))
          .limit(pageSize);
        for (const row of rows) yield toNote(row, bodyOf(row));
        older = rows.at(-1);
        if (rows.length < pageSize || !older) return;
      }
    },

    async write(owner, note) {
      const { agent, principal } = owner;
      const hash = hashOf(owner, note.title);
      return database.transaction(async (tx): Promise<Note | "too_many" | "too_long"> => {
        // One writer an owner at a time: the count of notes holds, and no append is lost.
        await tx.execute(raw`select pg_advisory_xact_lock(hashtextextended(${`note:${nameOf(owner)}`}, 0))`);
        const [row] = await tx.select().from(notes).where(titled(owner, hash));
        const old = row && bodyOf(row);
        if (row && old?.calls.includes(note.callKey)) return toNote(row, old);
        if (!row && (await tx.$count(notes, mine(owner))) >= note.maxNotes) return "too_many";
        const body = bodyAfter(old, note);
        if (body.text.length > note.maxChars) return "too_long";
        const values = {
          body: bodies.sealJson(body, noteSeal({ agent, principal, titleHash: hash })),
          taint: taintColumn(taintAfter(row, note)),
          callKey: note.callKey,
          updatedAt: raw`clock_timestamp()`,
        };
        const [written] = await tx
          .insert(notes)
          .values({ agent, principal, titleHash: hash, ...values })
          .onConflictDoUpdate({ target: [notes.agent, notes.principal, notes.titleHash], set: values })
          .returning();
        if (!written) throw new Error("a note was neither inserted nor updated");
        return toNote(written, body);
      });
    },
  };
}

function bodyAfter(old: Body | undefined, { title, text, mode, callKey }: NoteToWrite): Body {
  const calls = [...(old?.calls ?? []), callKey].slice(-rememberedCalls);
  return old && mode === "append" ? { title: old.title, text: `${old.text}\n${text}`, calls } : { title, text, calls };
}

/** What is appended to keeps what its first words came from. */
const taintAfter = (row: Row | undefined, { mode, taint }: NoteToWrite): string[] =>
  mode === "append" ? [...new Set([...taintSources(row?.taint), ...taint])] : [...taint];
