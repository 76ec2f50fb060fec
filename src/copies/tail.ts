import { type Chunk, packChunk } from '../log/chunk.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { LogIdentity } from '../log/database.ts'

/** The number of events or characters after which a chunk of the tail is packed for good. */
const CHUNK_EVENTS = 2048
const CHUNK_CHARACTERS = 524_288
/** The number of events after which packed chunks move to a file of their own, because sealing is far behind. */
const TAIL_EVENTS = 16_384
/** The number of bytes after which they move, because each round writes the whole tail again. */
const TAIL_BYTES = 1_048_576

/** The newest commits, which no segment holds yet: packed chunks, and records that are too few to pack. */
export interface Tail {
  /** The last event in it; 0 if it is empty. */
  readonly last: number
  push(record: CommitRecord): Promise<void>
  /** Removes the commits up to this event, which are sealed. */
  trimTo(sealed: number): void
  /** Takes out the chunks that should get a file of their own: none as long as the tail is short. */
  takeAway(): readonly Chunk[]
  /** The rest of the tail, packed. */
  pack(): Promise<readonly Chunk[]>
}

export function createTail(
  log: LogIdentity,
  chunks: readonly Chunk[] = [],
  records: readonly CommitRecord[] = [],
): Tail {
  let packed = [...chunks]
  let open = [...records]
  let characters = sum(open, ({ body }) => body.length)

  return {
    get last() {
      return open.at(-1)?.last ?? packed.at(-1)?.header.last ?? 0
    },
    async push(record) {
      open.push(record)
      characters += record.body.length
      const events = record.last - open[0]!.first + 1
      if (events < CHUNK_EVENTS && characters < CHUNK_CHARACTERS) return
      packed.push(await packChunk(log, open))
      open = []
      characters = 0
    },
    trimTo(sealed) {
      packed = packed.filter(({ header }) => header.last > sealed)
      open = open.filter(({ last }) => last > sealed)
      characters = sum(open, ({ body }) => body.length)
    },
    takeAway() {
      // Keeps the last commit in the tail: by it, the next pipeline recognises whether all these files belong to its log.
      const away = open.length ? packed : packed.slice(0, -1)
      const first = away[0]?.header.first ?? 0
      const last = away.at(-1)?.header.last ?? 0
      if (last - first < TAIL_EVENTS && sum(away, ({ bytes }) => bytes.length) < TAIL_BYTES) return []
      packed = packed.slice(away.length)
      return away
    },
    async pack() {
      return open.length ? [...packed, await packChunk(log, open)] : packed
    },
  }
}

const sum = <T>(all: readonly T[], of: (one: T) => number): number => all.reduce((total, one) => total + of(one), 0)
