/** Random numbers that are the same for the same seed. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  chance(share: number): boolean;
  normal(): number;
  /** Around `middle`, with a tail to the right. */
  lognormal(middle: number, spread: number): number;
}

/** Mulberry32, whose period of 2^32 is far more than any traffic here takes. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    next,
    chance: (share) => next() < share,
    normal,
    lognormal: (middle, spread) => middle * Math.exp(spread * normal()),
  };
}
