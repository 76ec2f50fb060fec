/** Milliseconds in which another device that wrote counts as one that writes. */
const HEARD_MS = 10_000
/** Milliseconds between two appends, for each device that writes. */
const SHARE_MS = 400
/** Milliseconds between two appends of a device that writes alone: what it is given meanwhile goes together. */
const ALONE_MS = 40
/** Characters at the beginning of a commit's id that all commits of one page or worker have. */
const WRITER_CHARACTERS = 22

/** Leaves the others a turn: a device that is far away would lose every race against one that is near (rule 9). */
export interface Pace {
  /** A commit with this id was read. */
  heard(id: string): void
  /** This device appends one with this id. */
  appends(id: string): void
  /** Milliseconds until the next append. */
  waitMs(): number
}

export function createPace(now: () => number = () => performance.now(), random: () => number = Math.random): Pace {
  const others = new Map<string, number>()
  const own = new Set<string>()
  let from = 0
  const writer = (id: string): string => id.slice(0, WRITER_CHARACTERS)
  return {
    heard(id) {
      if (!own.has(writer(id))) others.set(writer(id), now())
    },
    appends(id) {
      own.add(writer(id))
      for (const [other, at] of others) if (at < now() - HEARD_MS) others.delete(other)
      from = now() + (others.size ? (0.5 + random()) * SHARE_MS * (others.size + 1) : ALONE_MS)
    },
    waitMs: () => Math.max(0, from - now()),
  }
}
