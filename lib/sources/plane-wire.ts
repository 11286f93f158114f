/** What Plane's API (v1, as Community Edition 1.3 has it) answers, and what of it becomes our words. */
import { z } from "zod";
import { groups, priorities, type Task, type TaskComment } from "./tracker.ts";
import { instant } from "./plain.ts";
import { oneLine } from "../one-line.ts";
import { safeParse } from "../safe-parse.ts";

/** One page of a list; a few lists of older servers are bare arrays. */
export const pageSchema = z.union([
  z.object({
    results: z.array(z.unknown()),
    next_cursor: z.string().optional().catch(undefined),
    // next_cursor is always there.
    next_page_results: z.boolean().catch(false),
  }),
  z.array(z.unknown()).transform((results) => ({ results, next_cursor: undefined, next_page_results: false })),
]);

/** Ids stand in addresses, which can be made of no half character. */
const wireId = z
  .string()
  .min(1)
  .refine((id) => id.isWellFormed());

export const userSchema = z.object({ id: wireId });

export const projectSchema = z.object({
  id: wireId,
  identifier: wireId,
  // Public projects are listed for those too who may not read them.
  is_member: z.boolean().nullish().catch(undefined),
  archived_at: z.string().nullish().catch(undefined),
});
export type Project = z.output<typeof projectSchema>;

export const stateSchema = z.object({ id: wireId, name: z.string(), group: z.enum(groups).catch("backlog") });
export type State = z.output<typeof stateSchema>;

const person = z.object({ id: z.string(), display_name: z.string().catch(""), first_name: z.string().catch("") });

/** Each element that can be read. */
const readable = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .array(z.unknown())
    .catch([])
    .transform((all) =>
      all.flatMap((each): z.output<Schema>[] =>
        (({ success, data }) => (success ? [data] : []))(safeParse(schema, each)),
      ),
    );

/** An item, with what `expand` makes of ids or without. */
export const itemSchema = z.object({
  id: wireId,
  name: z.string(),
  sequence_id: z.int().nonnegative(),
  project: wireId.optional().catch(undefined),
  priority: z.enum(priorities).catch("none"),
  state: z.union([stateSchema, z.string()]).nullish().catch(undefined),
  assignees: readable(z.union([z.string().transform((id) => ({ id, display_name: "", first_name: "" })), person])),
  labels: readable(z.object({ name: z.string() })),
  target_date: z.iso.date().nullish().catch(undefined),
  created_at: instant,
  updated_at: instant,
  completed_at: instant.nullish().catch(undefined),
  description_html: z.string().nullish().catch(undefined),
});
export type Item = z.output<typeof itemSchema>;

export const commentSchema = z
  .object({ comment_html: z.string(), created_at: instant, actor: person.nullish().catch(undefined) })
  .transform(({ comment_html: html, created_at: at, actor }): TaskComment => ({ html, at, author: nameOf(actor) }));

/** What a person is called there. */
export function nameOf(someone: z.output<typeof person> | null | undefined): string {
  const name = someone?.display_name || someone?.first_name;
  return name ? oneLine(name, 60) : "somebody";
}

/** A task in our words. */
export function taskOf(item: Item, project: string, state: State | undefined, url: string): Task {
  return {
    id: `${project}-${item.sequence_id}`,
    title: oneLine(item.name, 300) || "(no title)",
    project,
    state: oneLine(state?.name ?? "", 60) || "no state",
    group: state?.group ?? "backlog",
    priority: item.priority,
    ...(item.target_date && { due: item.target_date }),
    created: item.created_at,
    updated: item.updated_at,
    ...(item.completed_at && { completed: item.completed_at }),
    url,
    labels: item.labels.map(({ name }) => oneLine(name, 60)),
  };
}

/** Plain text as the HTML of a comment: nothing in it becomes a tag, a mention or an image. */
export function commentHtml(text: string): string {
  const escaped = text
    // PostgreSQL takes no NUL, and nobody sees the others.
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "")
    .replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const paragraphs = escaped.split(/\n{2,}/).map((paragraph) => `<p>${paragraph.replaceAll("\n", "<br>")}</p>`);
  return paragraphs.join("");
}
