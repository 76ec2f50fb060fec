/** Milliseconds for which another device counts as a writer after its last message. */
const HEARD_MS = 10_000
/** Milliseconds between two appends, for each writing device. */
const SHARE_MS = 400
/** Milliseconds between two appends of the only writing device, for each command of the first append. Commands that come meanwhile are sent together. */
const ALONE_MS = 40
/** The most milliseconds between two appends of the only writing device. */
const ALONE_MAX_MS = 240
/** The length of the part of a commit's id that names its page or worker. */
const WRITER_CHARACTERS = 22

/** Spaces out appends, because a distant device would lose every race against a near one (rule 9). */
export interface Pace {
  /** Call this when a commit with this id was read. */
  heard(id: string): void
  /** Call this when this device appends a commit with this id. `commands`: the number of its commands; 1 if more commands are waiting. */
  appends(id: string, commands?: number): void
  /** Milliseconds until this device may append again. */
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
    appends(id, commands = 1) {
      own.add(writer(id))
      for (const [other, at] of others) if (at < now() - HEARD_MS) others.delete(other)
      from =
        now() +
        (others.size ? (0.5 + random()) * SHARE_MS * (others.size + 1) : Math.min(commands * ALONE_MS, ALONE_MAX_MS))
    },
    waitMs: () => Math.max(0, from - now()),
  }
}
