import { breakWithin } from "../channel/split.ts";
import type { Entity, FormattedDocument, FormattedText } from "./formatted.ts";

/** Telegram's limit on a message, in UTF-16 units after entities. */
export const maxTextLength = 4096;

/** Telegram drops further entities without a word. */
const maxEntities = 100;

/** Invisible characters alone are an empty message to Telegram. */
const isBlank = (text: string): boolean => /^[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]*$/.test(text);

/**
 * A document in messages Telegram takes, in order, none of them blank. Cut where a block begins; a block too long for one
 * message at a line, sentence or word, and then its entities go on in the next part.
 */
export function partsOf({ text, entities, breaks }: FormattedDocument): FormattedText[] {
  const parts: FormattedText[] = [];
  // Entities that reach into the part at hand: those left over from the last one, and those from `next` on.
  let reaching: Entity[] = [];
  let next = 0;
  let nextBreak = 0;
  for (let start = 0; start < text.length;) {
    let most = maxTextLength;
    for (; next < entities.length && entities[next]!.offset < start + most; next++) {
      const entity = entities[next]!;
      if (reaching.length >= maxEntities && entity.offset > start) {
        // One more would be too many: the part ends before it.
        most = entity.offset - start;
        break;
      }
      reaching.push(entity);
    }
    let end = text.length;
    if (end - start > most) {
      let block = start;
      for (; nextBreak < breaks.length && breaks[nextBreak]! <= start + most; nextBreak++)
        block = Math.max(block, breaks[nextBreak]!);
      end = block > start ? block : start + breakWithin(text.slice(start, start + most + 1), most);
    }
    const part = cut(text, start, end, reaching);
    if (!isBlank(part.text)) parts.push(part);
    start = end;
    reaching = reaching.filter((entity) => entity.offset + entity.length > end);
  }
  return parts;
}

/** Without blank lines in front and blanks behind; what the entities cover stays covered. */
function cut(text: string, from: number, to: number, reaching: readonly Entity[]): FormattedText {
  const raw = text.slice(from, to);
  const start = from + (/^(?:[^\S\n]*\n)+/.exec(raw)?.[0].length ?? 0);
  const kept = text.slice(start, to).trimEnd();
  const end = start + kept.length;
  const entities: Entity[] = [];
  for (const entity of reaching) {
    const offset = Math.max(entity.offset, start);
    const length = Math.min(entity.offset + entity.length, end) - offset;
    if (length > 0 && entities.length < maxEntities) entities.push({ ...entity, offset: offset - start, length });
  }
  return { text: kept, entities };
}
