/**
 * The changelog with its first section released as this version on this day (YYYY-MM-DD). Undefined where the first section is not
 * `## (unreleased)`, or `## 1.2.3 (unreleased)`, or says nothing.
 */
export function releaseChangelog(text: string, version: string, day: string): string | undefined {
  const [before = "", ...sections] = text.split(/^(?=## )/m);
  const [first = "", ...others] = sections;
  const [heading = "", ...body] = first.split("\n");
  if (!/^## (\S+ )?\(unreleased\)$/.test(heading) || body.join("").trim() === "") return undefined;
  return [before, [`## ${version} (${day})`, ...body].join("\n"), ...others].join("");
}
