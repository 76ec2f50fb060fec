/** The random choices of a run. All of them follow from its seed. */
export interface Random {
  /** A whole number below `n`. */
  below(n: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
}

export function createRandom(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  // Skips the first numbers, which are similar for neighbouring seeds.
  for (let i = 0; i < 3; i++) next()
  return {
    below: (n) => Math.floor(next() * n),
    chance: (probability) => probability > 0 && next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)]!,
  }
}
