import type { Status } from 'tidemark'

/** One honest sentence about a device and the remote. */
export function describeSync(sync: Status['sync']): { readonly tone: string; readonly text: string } {
  if (!sync) return { tone: 'busy', text: 'Opening' }
  const waiting = sync.pending === 1 ? '1 change not sent' : `${sync.pending} changes not sent`
  if (sync.state === 'offline')
    return { tone: 'careful', text: sync.pending > 0 ? `Offline, ${waiting}` : 'Offline: everything works' }
  if (sync.state === 'online')
    return sync.pending > 0 ? { tone: 'busy', text: waiting } : { tone: 'good', text: 'Up to date' }
  return { tone: 'bad', text: `Not in touch with the others: ${sync.error?.message ?? sync.state}` }
}
