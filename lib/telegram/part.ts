import { breakWithin } from "../channel/split.ts";
import type { Entity, FormattedDocument, FormattedText } from "./formatted.ts";

/** Telegram's limit on a message, in UTF-16 units after entities. */
export const maxTextLength = 4096;

/** Telegram drops further entities without a word. */
export const maxEntities = 100;

/** Invisible characters alone are an empty message to Telegram. */
const isBlank = (text: string): boolean => /^[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]*$/.test(text);

/**
 * A document in messages Telegram takes, in order, none of them blank. Cut where a block begins; a block too long for one
 * message at a line, sentence or word, and then its entities go on in the next part.
 */
export function partsOf(document: FormattedDocument): FormattedText[] {
  const parts: FormattedText[] = [];
  let start = 0;
  while (start < document.text.length) {
    const end = endOfPart(document, start);
    const part = slice(document, start, end);
    if (!isBlank(part.text)) parts.push(part);
    start = end;
  }
  return parts;
}

function endOfPart(document: FormattedDocument, start: number): number {
  const { text, entities, breaks } = document;
  const touching = entities.filter((entity) => entity.offset + entity.length > start);
  const crowded = touching[maxEntities]?.offset ?? Infinity;
  const most = Math.min(maxTextLength, crowded > start ? crowded - start : Infinity);
  if (text.length - start <= most) return text.length;
  const block = breaks.findLast((offset) => offset > start && offset <= start + most);
  return block ?? start + breakWithin(text.slice(start), most);
}

/** Without blank lines in front and blanks behind; what the entities cover stays covered. */
function slice(document: FormattedDocument, from: number, to: number): FormattedText {
  const raw = document.text.slice(from, to);
  const start = from + (/^(?:[^\S\n]*\n)+/.exec(raw)?.[0].length ?? 0);
  const text = document.text.slice(start, to).trimEnd();
  const end = start + text.length;
  const entities: Entity[] = [];
  for (const entity of document.entities) {
    const offset = Math.max(entity.offset, start);
    const length = Math.min(entity.offset + entity.length, end) - offset;
    if (length > 0 && entities.length < maxEntities) entities.push({ ...entity, offset: offset - start, length });
  }
  return { text, entities };
}
