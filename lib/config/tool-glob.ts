/** Whether a glob (`*`, `family_*` or a whole name) covers a tool. */
export function covers(glob: string, tool: string): boolean {
  if (glob === "*") return true;
  return glob.endsWith("_*") ? tool.startsWith(glob.slice(0, -1)) : glob === tool;
}
