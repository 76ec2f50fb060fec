import type { Core } from '../engine/core.ts'
import { blocksAround } from '../engine/tools/stretches.ts'
import { commandsOf } from '../log/commit.ts'
import type { Database, StoreName } from '../log/database.ts'
import { headOf } from '../log/head.ts'
import type { StoredEvent } from '../model/events.ts'
import { createBreather } from '../slices.ts'

/** The number of records of a store that are read at once. */
const MEASURED_AT_ONCE = 32

export interface StoreSize {
  readonly store: string
  readonly records: number
  /** The size of the records' content. A browser may compress it, and it stores further bytes for each record. */
  readonly bytes: number
}

export interface TypeSize {
  readonly type: string
  readonly events: number
  /** The size of the events' payloads as JSON. */
  readonly bytes: number
}

/** Bytes of each store of a log's database. */
export async function measureStores(database: Database, signal: AbortSignal): Promise<readonly StoreSize[]> {
  const sizes: StoreSize[] = []
  // An older database may lack stores.
  for (const store of [...(database.idb?.objectStoreNames ?? [])] as StoreName[]) {
    let [records, bytes] = [0, 0]
    for (let after: IDBValidKey | undefined; ; ) {
      signal.throwIfAborted()
      const range = after === undefined ? undefined : IDBKeyRange.lowerBound(after, true)
      const found = await database.transact([store], 'readonly', (of) => {
        // Any store name serves as the type: only the methods that all stores have are used.
        const one = of(store as 'pages')
        return [one.getAll(range, MEASURED_AT_ONCE), one.getAllKeys(range, MEASURED_AT_ONCE)] as const
      })
      for (const value of found[0].result) bytes += sizeOf(value)
      records += found[0].result.length
      if (found[1].result.length < MEASURED_AT_ONCE) break
      after = found[1].result.at(-1)
    }
    sizes.push({ store, records, bytes })
  }
  return sizes.sort((a, b) => b.bytes - a.bytes)
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value !== 'object' || !value) return 8
  if (value instanceof Map) return sizeOf([...value])
  if (value instanceof Set) return sizeOf([...value])
  let bytes = 0
  if (Array.isArray(value)) for (const one of value) bytes += sizeOf(one)
  else for (const [name, one] of Object.entries(value)) bytes += name.length + sizeOf(one)
  return bytes
}

/** Bytes of the payloads of each type of event, as they are stored. Damaged records are left out. */
export async function measureTypes(
  core: Core,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<readonly TypeSize[]> {
  const sizes = new Map<string, { type: string; events: number; bytes: number }>()
  const breather = createBreather(signal)

  function add({ type, data }: StoredEvent): void {
    const size = sizes.get(type) ?? { type, events: 0, bytes: 0 }
    sizes.set(type, size)
    size.events++
    if (data !== undefined) size.bytes += JSON.stringify(data).length
  }

  // The log may be longer than the head of an engine that is outdated, behind or failed.
  const head = Math.max(core.head, core.database ? await headOf(core.database) : 0)
  for (let sequence = (core.database?.log?.base ?? 0) + 1; sequence <= head; ) {
    const blocks = await blocksAround(core, sequence)
    for (const block of blocks) {
      for (const { record, last } of block.decode()) {
        if (last < sequence) continue
        sequence = last + 1
        if (record) for (const { events } of commandsOf(record)) for (const event of events) add(event)
      }
      if (breather.isDue) {
        onProgress(sequence, head)
        await breather.rest()
      }
    }
    if (!blocks.length) break
  }
  return [...sizes.values()].sort((a, b) => b.bytes - a.bytes)
}
