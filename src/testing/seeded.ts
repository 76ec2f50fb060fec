/** Random numbers that depend only on a seed. */
export interface Seeded {
  /** A number from 0 up to 1, without 1. */
  next(): number
  /** A whole number below `n`; 0 if `n` is 0. */
  below(n: number): number
  chance(share: number): boolean
}

/** Mulberry32: one 32-bit state, good enough to choose faults. */
export function createSeeded(seed: number): Seeded {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    below: (n) => Math.floor(next() * n),
    chance: (share) => share > 0 && next() < share,
  }
}
