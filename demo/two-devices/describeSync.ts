import type { Status } from 'tidemark'

/** One sentence about the connection of a device to the remote. */
export function describeSync(sync: Status['sync']): { readonly tone: string; readonly text: string } {
  if (!sync) return { tone: 'busy', text: 'Opening' }
  const waiting = sync.pending === 1 ? '1 change not sent' : `${sync.pending} changes not sent`
  if (sync.state === 'offline')
    return { tone: 'careful', text: sync.pending > 0 ? `Offline, ${waiting}` : 'Offline: everything works' }
  if (sync.state === 'online')
    return sync.pending > 0 ? { tone: 'busy', text: waiting } : { tone: 'good', text: 'Up to date' }
  return { tone: 'bad', text: `Not connected to the other device: ${sync.error?.message ?? sync.state}` }
}
