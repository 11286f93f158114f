/** The value below which `share` (0 to 1) of the values lie; nearest rank. NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The middle value. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** A figure as a table shows it. */
export const show = (value: number, digits = 1): string => value.toFixed(digits);

/** The same for a JSON file. */
export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
