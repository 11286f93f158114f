import type { Row } from "./context.ts";

/** Prints the rows as a Markdown table that is also readable as it is, and below it what was measured on. */
export function printTable(rows: readonly Row[], facts: Readonly<Record<string, string | number>>): void {
  const met = (row: Row): string => (row.met === undefined ? "-" : row.met ? "yes" : "NO");
  const lines = [
    ["what", "measured", "target", "met"],
    ...rows.map((row) => [row.what, row.measured, row.target, met(row)]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const print = (line: readonly string[]): void =>
    console.log(`| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`);
  print(lines[0] ?? []);
  print(widths.map((width) => "-".repeat(width)));
  lines.slice(1).forEach(print);
  console.log("");
  for (const [name, value] of Object.entries(facts)) console.log(`${name}: ${value}`);
}
