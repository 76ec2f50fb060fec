import type { Database } from '../../log/database.ts'
import type { PastKey, PastRows } from '../../log/stores.ts'
import type { Fold } from '../../model/fold.ts'
import { codeOf } from '../../projections/code.ts'
import { pastOf } from '../../projections/past.ts'
import { mayBeLost } from '../../projections/snapshot.ts'
import type { Point } from './points.ts'

/** The last stored point between two sequences, both excluded, whose events are all no later than `until`; undefined if there is none. */
export type FindPoint = (after: number, before: number, until: number) => Promise<Point | undefined>

/** Reads the rows of the past that a pipeline keeps beside its pages. Folds without a base have none. */
export function storedPoints(database: Database, folds: readonly Fold[]): FindPoint {
  const working = folds.filter(({ failed }) => !failed)

  return async (after, before, until) => {
    let sequence = 0
    let values: IDBRequest<PastRows | undefined>[] = []
    try {
      await database.transact(['meta', 'rowEvents'], 'readonly', (store) => {
        const builds = store('meta').get('builds')
        builds.onsuccess = () => {
          const buildOf = ({ identity }: Fold): string => builds.result?.[identity] ?? ''
          const keys = working.map((fold) => store('rowEvents').getAllKeys(pastOf(fold.identity, buildOf(fold))))
          const last = keys.at(-1)
          if (!last) return
          last.onsuccess = () => {
            const found = keys.map(({ result }) => result.map(keptPlaceOf))
            const fits = (place: KeptPlace): boolean =>
              place.sequence > after &&
              place.sequence < before &&
              place.latest <= until &&
              found.every((places) => places.some((one) => one.sequence === place.sequence))
            const place = found[0]!.findLast(fits)
            if (!place) return
            sequence = place.sequence
            values = found.map((places) => {
              const { key } = places.find((one) => one.sequence === sequence)!
              return store('rowEvents').get(key)
            })
          }
        }
      })
    } catch (error) {
      // They are a cache, so the log is folded instead.
      if (mayBeLost(error)) return
      throw error
    }
    const stored = new Map(working.map((fold, i) => [fold, values[i]?.result]))
    if (!working.every((fold) => isUsable(fold, stored.get(fold), database))) return
    const kept = folds.map((fold) => {
      const { rows, numbers, next } = stored.get(fold) ?? { rows: [], numbers: [], next: 0 }
      return { rows, ns: numbers, next }
    })
    return { sequence, rows: kept.reduce((sum, { rows }) => sum + rows.length, 0), folds: kept }
  }
}

interface KeptPlace {
  readonly key: PastKey
  readonly sequence: number
  readonly latest: number
}

function keptPlaceOf(stored: IDBValidKey): KeptPlace {
  // The range holds no other keys.
  const key = stored as PastKey
  const [, , , sequence, latest] = key
  return { key, sequence, latest }
}

/** Whether rows belong to this log and, in development, to this code. */
function isUsable(fold: Fold, stored: PastRows | undefined, { log }: Database): boolean {
  if (!stored || stored.lineage !== log?.lineage || stored.rows.length !== stored.numbers.length) return false
  return !__DEV__ || stored.code === codeOf(fold)
}
