/** The few functions of statistics that finding a change needs. */

/** The value below which the share `p` of a standard normal lies; Acklam's approximation, relative error 1.15e-9. */
export function normalQuantile(p: number): number {
  const low = 0.02425;
  if (p > 1 - low) return -normalQuantile(1 - p);
  if (p < low) {
    const q = Math.sqrt(-2 * Math.log(p));
    return (
      (((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) * q +
        4.374664141464968) *
        q +
        2.938163982698783) /
      ((((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1)
    );
  }
  const q = p - 0.5;
  const r = q * q;
  return (
    ((((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r + 1.38357751867269e2) * r -
      3.066479806614716e1) *
      r +
      2.506628277459239) *
      q) /
    (((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r + 6.680131188771972e1) * r -
      1.328068155288572e1) *
      r +
      1)
  );
}

/** How many of the sorted values are below `value`, those equal to it counted half. */
export function midRank(sorted: readonly number[], value: number): number {
  const before = (strictly: boolean): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = sorted[middle] ?? 0;
      if (strictly ? at < value : at <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return (before(true) + before(false)) / 2;
}

/** The value below which the share `p` of the sorted values lies; NaN where there is none. */
export const quantile = (sorted: readonly number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;

/** The middle of values in any order. */
export const median = (values: readonly number[]): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );

/** The sum over the number; NaN where there is none. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The sum of the products. */
export const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

/** The weights by which `rows` come nearest to `values`; 0 for a column that is another's multiple. By Gauss-Jordan. */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const columns = (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? 0));
  const system = columns.map((one) => [...columns.map((other) => dot(one, other)), dot(one, values)]);
  system.forEach((row, column) => {
    const pivot = row[column] ?? 0;
    const scale = pivot > 1e-9 * rows.length ? 1 / pivot : 0;
    row.forEach((value, at) => (row[at] = value * scale));
    for (const other of system) {
      if (other === row) continue;
      const factor = other[column] ?? 0;
      row.forEach((value, at) => (other[at] = (other[at] ?? 0) - factor * value));
    }
  });
  return system.map((row) => row.at(-1) ?? 0);
}

/** log Γ(x) for x > 0; Lanczos, relative error below 1e-13. */
function logGamma(x: number): number {
  const series = [
    76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.1208650973866179e-2,
    -0.5395239384953e-5,
  ].reduce((sum, coefficient, index) => sum + coefficient / (x + 1 + index), 1.000000000190015);
  return (x + 0.5) * Math.log(x + 5.5) - (x + 5.5) + Math.log((2.5066282746310005 * series) / x);
}

/**
 * The chance that of `n` further runs at least (`up`) or at most so many as `x` have what `hits` of `of` runs had, when
 * nothing changed: beta-binomial by Jeffreys' prior, so that what never happened in 50 runs is not thought impossible.
 */
export function chanceOf(x: number, n: number, baseline: { hits: number; of: number }, up: boolean): number {
  // At most x hits are at least n - x misses.
  const [least, hits] = up ? [x, baseline.hits] : [n - x, baseline.of - baseline.hits];
  const [a, b] = [hits + 0.5, baseline.of - hits + 0.5];
  let mass = Math.exp(logGamma(n + b) + logGamma(a + b) - logGamma(n + a + b) - logGamma(b));
  let below = 0;
  let above = 0;
  for (let i = 0; i <= n; i++) {
    if (i < least) below += mass;
    else above += mass;
    mass *= ((n - i) / (i + 1)) * ((i + a) / (n - i - 1 + b));
  }
  return above / (below + above);
}
