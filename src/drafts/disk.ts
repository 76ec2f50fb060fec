import type { Json } from '../data.ts'
import type { ExtraWrite } from '../log/append.ts'
import { type Database, loaded } from '../log/database.ts'
import { DRAFT_PIECES } from '../log/dropDrafts.ts'
import type { DraftRecord } from '../log/stores.ts'

/** A draft as it is stored. */
export interface FoundDraft {
  readonly id: string
  readonly epoch: string
  readonly header: Json
  readonly text: string
}

/** The next write of one attempt. */
export interface NextPiece {
  readonly name: string
  readonly id: string
  readonly epoch: string
  /**
   * Set for the first write of an attempt, which replaces the stored draft. With `instead`, it replaces only a draft of
   * one of its epochs. With `orNone` as well, it may also begin if no draft is stored.
   */
  readonly begins?: {
    readonly header: Json
    readonly instead?: readonly string[] | undefined
    readonly orNone?: boolean | undefined
  }
  readonly offset: number
  readonly text: string
  /** The offset of the last piece that this attempt wrote after its head; undefined if there is none. */
  readonly last?: number | undefined
}

/**
 * `over`: the draft belongs to another attempt, or was removed. `dropped`: this attempt's pieces were deleted on a full
 * disk.
 */
export type Wrote = 'stored' | 'over' | 'dropped'

/** Stores drafts. */
export interface DraftStore {
  read(name: string, id?: string): Promise<FoundDraft[]>
  /** Whether this attempt is stored; without `epoch`, whether any is. */
  has(name: string, id: string, epoch?: string): Promise<boolean>
  write(pieces: readonly NextPiece[]): Promise<Wrote[]>
  remove(name: string, id: string, epoch?: string): Promise<void>
  /** The writes that remove this attempt, for the transaction of its event. */
  end(name: string, id: string, epoch: string): ExtraWrite
}

/** Attempts to read, because the connection may be lost before a large value is loaded. */
const DRAFT_READS = 3

const HEADS = 0
const all = (...start: (string | number)[]): IDBKeyRange => IDBKeyRange.bound(start, [...start, []])

/** Drafts in the database of their log. */
export function draftsOnDisk(database: Database): DraftStore {
  const { transact } = database
  const removal = (name: string, id: string, ...epoch: string[]): ExtraWrite['write'] => {
    const ranges = [HEADS, DRAFT_PIECES].map((kind) => {
      const key = [kind, name, id, ...epoch]
      return IDBKeyRange.bound(key, [...key, []])
    })
    return (store) => {
      for (const range of ranges) store('drafts').delete(range)
    }
  }

  return {
    async read(name, only) {
      const which = only === undefined ? [name] : [name, only]
      for (let reads = 1; ; reads++) {
        const [heads, pieces] = await transact(
          ['drafts'],
          'readonly',
          (store) =>
            [
              store('drafts').getAll(all(HEADS, ...which)),
              store('drafts').getAll(all(DRAFT_PIECES, ...which)),
            ] as const,
        )
        const isRead = (await loaded(database, heads)) && (await loaded(database, pieces))
        if (isRead || reads === DRAFT_READS) return heads.result.map((head) => joinedPieces(head, pieces.result))
      }
    },
    async has(name, id, epoch) {
      const key = epoch === undefined ? all(HEADS, name, id) : [HEADS, name, id, epoch]
      return (await transact(['drafts'], 'readonly', (store) => store('drafts').getKey(key))).result !== undefined
    },
    async write(pieces) {
      const wrote = pieces.map((): Wrote => 'stored')
      await transact(['drafts'], 'readwrite', (store) => {
        const drafts = store('drafts')
        for (const [i, { name, id, epoch, begins, offset, text, last }] of pieces.entries()) {
          const key = [HEADS, name, id, epoch]
          const putHead = (): void => {
            removal(name, id)(store)
            // A head is written only if `begins` is set.
            drafts.put({ id, epoch, offset, text, header: begins?.header as Json }, key)
          }
          if (begins && !begins.instead) {
            putHead()
            continue
          }
          const head = drafts.getKey(begins ? all(HEADS, name, id) : key)
          const before = last === undefined ? head : drafts.getKey([DRAFT_PIECES, name, id, epoch, last])
          before.onsuccess = () => {
            // The key of a head has four parts, the last is its epoch.
            if (begins ? !mayBegin(begins, (head.result as string[] | undefined)?.[3]) : !head.result) wrote[i] = 'over'
            else if (begins) putHead()
            else if (before.result === undefined) wrote[i] = 'dropped'
            else drafts.put({ id, epoch, offset, text }, [DRAFT_PIECES, name, id, epoch, offset])
          }
        }
      })
      return wrote
    },
    remove: (name, id, ...epoch) =>
      transact(['drafts'], 'readwrite', removal(name, id, ...epoch.filter((one) => one !== undefined))),
    end: (...given) => ({ stores: ['drafts'], write: removal(...given), keep() {} }),
  }
}

/** Whether a new attempt may replace the stored one with this epoch; undefined if none is stored. */
const mayBegin = ({ instead, orNone }: NonNullable<NextPiece['begins']>, epoch: string | undefined): boolean =>
  !instead || (epoch === undefined ? !!orNone : instead.includes(epoch))

/** Joins the pieces of a draft, up to the first gap. */
function joinedPieces(
  { id, epoch, header = null, text: first }: DraftRecord,
  pieces: readonly DraftRecord[],
): FoundDraft {
  let text = first
  for (const piece of pieces)
    if (piece.id === id && piece.epoch === epoch && piece.offset <= text.length)
      text += piece.text.slice(text.length - piece.offset)
  return { id, epoch, header, text }
}

/** Drafts of a log in memory. */
export function draftsInMemory(): DraftStore {
  const kept = new Map<string, Map<string, FoundDraft>>()
  const draftsOf = (name: string): Map<string, FoundDraft> => {
    const drafts = kept.get(name) ?? new Map<string, FoundDraft>()
    kept.set(name, drafts)
    return drafts
  }
  const has = (name: string, id: string, epoch: string | undefined): boolean => draftsOf(name).get(id)?.epoch === epoch
  const remove = (name: string, id: string, epoch?: string): void => {
    if (epoch === undefined || has(name, id, epoch)) draftsOf(name).delete(id)
  }
  return {
    read: async (name, only) =>
      [...draftsOf(name).values()]
        .filter((one) => only === undefined || one.id === only)
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    has: async (...given) => has(...given),
    write: async (pieces) =>
      pieces.map(({ name, id, epoch, begins, text }) => {
        const drafts = draftsOf(name)
        const before = drafts.get(id)
        if (begins ? !mayBegin(begins, before?.epoch) : before?.epoch !== epoch) return 'over'
        if (begins) drafts.set(id, { id, epoch, header: begins.header, text })
        else if (before) drafts.set(id, { ...before, text: before.text + text })
        return 'stored'
      }),
    remove: async (...given) => remove(...given),
    end: (...given) => ({ stores: [], write() {}, keep: () => remove(...given) }),
  }
}
