import { lineDiff } from "../../line-diff.ts";

/** So many words of what stayed are shown on either side of a change. */
const around = 8;

/** Two texts as one, word by word: `[-went-]`, `{+came+}`, long stretches that stayed cut to `…`. The same texts are "". */
export function wordDiff(before: string, after: string): string {
  const edits = lineDiff(words(before), words(after)).map((line) => ({ mark: line[0], word: line.slice(2) }));
  const stretches: { mark: string | undefined; words: string[] }[] = [];
  for (const { mark, word } of edits) {
    const last = stretches.at(-1);
    if (last?.mark === mark) last?.words.push(word);
    else stretches.push({ mark, words: [word] });
  }
  if (stretches.every(({ mark }) => mark === " ")) return "";
  return stretches
    .map(({ mark, words: stretch }, index) => {
      const text = stretch.join(" ");
      if (mark === "-") return `[-${text}-]`;
      if (mark === "+") return `{+${text}+}`;
      return shortened(stretch, index === 0, index === stretches.length - 1);
    })
    .join(" ");
}

/** A stretch that stayed, with what stands beside the changes. */
function shortened(stretch: readonly string[], first: boolean, last: boolean): string {
  const head = first ? 0 : around;
  const tail = last ? 0 : around;
  if (stretch.length <= head + tail + 1) return stretch.join(" ");
  return [...stretch.slice(0, head), "…", ...stretch.slice(stretch.length - tail)].join(" ");
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");
