/** `[tools.notes]`. */
import { z } from "zod";
import { count } from "../primitives.ts";

/** No setting may pass it: the tools' output limits are above it. */
const mostNoteCharacters = 16_000;

export const notesSettings = z
  .strictObject({
    max_notes: count.max(1_000).default(200).describe("Notes one agent may keep for one person."),
    max_chars: count.max(mostNoteCharacters).default(4_000).describe("Characters of one note."),
    in_rooms: z
      .boolean()
      .default(false)
      .describe("Whether notes are read and written in rooms with others, who may then be told what they hold."),
  })
  .prefault({})
  .describe("notes_write, notes_read, notes_search.");
