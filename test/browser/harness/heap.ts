import type { CDPSession } from 'playwright-core'

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly node_types: [string[]] } }
  readonly nodes: number[]
}

/**
 * Bytes that a page holds after garbage collection, including the memory of its DOM objects. Leaves out compiled
 * code: it grows with the runs of a function, which is no leak.
 */
export const heapOf = async (cdp: CDPSession): Promise<number> => {
  await cdp.send('HeapProfiler.enable')
  // The first collection runs finalizers, which release more objects.
  for (let i = 0; i < 3; i++) await cdp.send('HeapProfiler.collectGarbage')
  let json = ''
  const take = ({ chunk }: { chunk: string }) => {
    json += chunk
  }
  cdp.on('HeapProfiler.addHeapSnapshotChunk', take)
  await cdp.send('HeapProfiler.takeHeapSnapshot')
  cdp.off('HeapProfiler.addHeapSnapshotChunk', take)
  const { snapshot, nodes } = JSON.parse(json) as Snapshot
  const { node_fields: fields, node_types: types } = snapshot.meta
  const [type, size, code] = [fields.indexOf('type'), fields.indexOf('self_size'), types[0].indexOf('code')]
  let bytes = 0
  for (let at = 0; at < nodes.length; at += fields.length)
    if (nodes[at + type] !== code) bytes += nodes[at + size] as number
  return bytes
}
