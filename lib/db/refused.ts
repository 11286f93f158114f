/**
 * The SQLSTATE by which PostgreSQL refused the data itself: the same write would fail whenever it is tried (classes 22, data;
 * 23, constraints; 54, limits of the program). Undefined for whatever else went wrong: a lost connection, a crash, a lock.
 */
export function refusedState(thrown: unknown): string | undefined {
  const { code } = (thrown ?? {}) as { code?: unknown };
  return typeof code === "string" && /^(22|23|54)...$/.test(code) ? code : undefined;
}
