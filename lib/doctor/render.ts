/** What the doctor found, in lines for a terminal. */
import { oneLine } from "../one-line.ts";
import type { Result } from "./check.ts";
import { areaOf } from "./doctor.ts";

const codes = { ok: "2", warn: "33", fail: "31", skipped: "2" } as const;

/** By area, a line each and one for the remedy; then what is to be done. `coloured`: with colours of a terminal. */
export function renderResults(results: readonly Result[], coloured: boolean): string[] {
  const paint = (code: string, text: string): string => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
  const width = Math.max(0, ...results.map(({ name }) => name.length));
  const lineOf = (result: Result): string[] => {
    const { state, name, saw } = result;
    const mark = (state === "skipped" ? "-" : state).padEnd(4);
    const line = `${mark}  ${name.padEnd(width)}  ${oneLine(saw, 600)}`;
    const told =
      state === "ok" || state === "skipped"
        ? paint(codes[state], line)
        : `${paint(codes[state], mark)}${line.slice(4)}`;
    return "remedy" in result ? [told, `${" ".repeat(8 + width)}-> ${oneLine(result.remedy, 600)}`] : [told];
  };
  const byArea = [...Map.groupBy(results, ({ name }) => areaOf(name)).values()];
  return [...byArea.flatMap((area) => [...area.flatMap(lineOf), ""]), ...summary(results)];
}

function summary(results: readonly Result[]): string[] {
  const of = (state: Result["state"]): string[] => [
    ...new Set(results.filter((each) => each.state === state).map(({ name }) => name)),
  ];
  const count = (state: Result["state"]): number => results.filter((each) => each.state === state).length;
  const rest = `${count("ok")} ok${count("skipped") > 0 ? `, ${count("skipped")} could not be looked at (-)` : ""}.`;
  return [
    ...(count("fail") > 0 ? [`${count("fail")} to mend: ${of("fail").join(", ")}`] : []),
    ...(count("warn") > 0 ? [`${count("warn")} to look at: ${of("warn").join(", ")}`] : []),
    count("fail") + count("warn") === 0 ? `Nothing to mend: ${rest}` : rest,
  ];
}
