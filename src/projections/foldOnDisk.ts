import type { Key } from '../data.ts'
import { ModelError, ProjectionFailed } from '../errors.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { type Fold, foldCommit, type Journal } from '../model/fold.ts'
import { isKey, stringify } from '../model/json.ts'
import { orLost, type TableDatabase } from './tableDatabase.ts'
import { failureToClone } from './uncloneable.ts'

/**
 * Folds whole commits inside one transaction: reads the rows that their events name, folds in memory and writes the
 * rows that changed. A match is looked up in the table before the first event is folded; rows that these commits change
 * later are in memory by then. Returns the id of the last commit that was folded.
 */
export async function foldOnDisk(
  fold: Fold,
  rows: TableDatabase['rows'],
  records: readonly (readonly [CommitRecord, readonly AnyRecordedEvent[]])[],
): Promise<string | undefined> {
  const wrong = await loadRows(
    fold,
    rows,
    records.flatMap(([, events]) => events),
  )
  const journal: Journal = []
  let commit: string | undefined
  for (const [record, events] of records) {
    if (wrong && wrong.sequence <= record.last) fold.failed = wrong
    else foldCommit(fold, record, events, journal)
    if (fold.failed) break
    commit = record.id
  }
  const changed = new Map<Key, unknown>()
  for (const { slot } of journal) changed.set(slot.key, slot.row)
  const gone = [...changed].flatMap(([key, row]) => (row === undefined ? [key] : []))
  const { failed, sequence } = fold
  try {
    await rows.bulkPut([...changed.values()].filter((row) => row !== undefined))
  } catch (error) {
    throw failureToClone(fold.name, sequence, changed) ?? error
  }
  if (gone.length) await rows.bulkDelete(gone)
  fold.clear()
  fold.sequence = sequence
  fold.failed = failed
  return commit
}

/**
 * Loads the rows that these events may touch into the empty fold. Returns a failure for the first match that has no
 * index.
 */
async function loadRows(
  fold: Fold,
  rows: TableDatabase['rows'],
  events: readonly AnyRecordedEvent[],
): Promise<ProjectionFailed | undefined> {
  const { by, into } = fold.definition
  const property = into.key!
  const keys = new Set<Key>()
  const matches = new Map<string, readonly [string, Key] | undefined>()
  let wrong: ProjectionFailed | undefined
  for (const event of events) {
    if (!fold.handles(event.type)) continue
    const named = namedBy(event, by[event.type], property)
    for (const key of [named].flat()) if (isKey(key)) keys.add(key)
    if (!named || typeof named !== 'object' || Array.isArray(named)) continue
    const [match] = Object.entries(named)
    const { primKey, idxByName } = rows.schema
    if (match && !(isKey(match[1]) && (primKey.name === match[0] || idxByName[match[0]])))
      wrong ??= new ProjectionFailed(
        fold.name,
        event.sequence,
        new ModelError(
          `${fold.name}: no index finds ${match.join(': ')}, which \`by\` of "${event.type}" gave. Name an indexed property, with a string or a number`,
        ),
      )
    else matches.set(stringify(match), match)
  }
  const present = new Map<Key, unknown>()
  const asked = [...keys]
  ;(await orLost(rows.bulkGet(asked))).forEach((row, i) => {
    if (row !== undefined) present.set(asked[i]!, row)
  })
  for (const match of matches.values()) {
    const found = await orLost((match ? rows.where(match[0]).equals(match[1]) : rows.toCollection()).toArray())
    for (const row of found) present.set(row[property], row)
  }
  fold.load([...present.values()], () => fold.next++)
  return wrong
}

/** The key, keys or match that an event names. If `by` throws, the fold of that event reports it. */
function namedBy(
  event: AnyRecordedEvent,
  by: ((event: AnyRecordedEvent) => unknown) | undefined,
  property: string,
): unknown {
  try {
    return by ? by(event) : event.data?.[property]
  } catch {
    return undefined
  }
}
