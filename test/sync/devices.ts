import { type MemoryDevice, type MemoryRemote, type MemoryRemoteOptions, memoryRemote } from 'tidemark/testing'
import { beforeEach, vi } from 'vitest'
import { openMessage, packMessage } from '../../src/sync/message.ts'
import { type Tab, tab } from '../engine/kit.ts'
import { freshName, type TodoApp } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { dump } from '../log/storage.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

/** The name of the log at the remote. The devices of a test have databases with different names. */
export const LOG = 'shared'

export interface Device {
  readonly name: string
  readonly network: MemoryDevice
  /** Opens another tab. */
  open(app?: TodoApp): Promise<Tab>
}

export interface Devices {
  readonly server: MemoryRemote
  device(name?: string): Device
  /** The ids of the commands in the shared log, as every device has to derive it. */
  log(): Promise<{ readonly ids: readonly string[]; readonly messages: number }>
}

export function devices(options: MemoryRemoteOptions = {}): Devices {
  const server = memoryRemote(options)
  return {
    server,
    device(name = freshName()) {
      const network = server.device()
      return { name, network, open: (app) => tab(name, app, { remote: () => network(LOG), mirror: false }) }
    },
    async log() {
      const messages = server.messages(LOG)
      const ids: string[] = []
      let last = ''
      for (const { message } of messages) {
        const opened = await openMessage(message)
        if (opened.is !== 'message' || opened.header.after !== last) continue
        last = opened.header.id
        for (const { commands } of opened.commits) ids.push(...commands.map(({ id }) => id))
      }
      return { ids, messages: messages.length }
    },
  }
}

/** Puts messages with one command each into the shared log. */
export async function putSingle(server: MemoryRemote, from: number, to: number, before?: string): Promise<void> {
  for (let n = from; n <= to; n++) {
    const command = { id: `c${n}`, at: n, events: [{ type: 'todoAdded', data: { id: `${n}`, title: 'x' } }] }
    const record = { id: `r${n}`, first: n, last: n, body: JSON.stringify([command]) }
    const after = n === from && before !== undefined ? before : n > 1 ? `r${n - 1}` : ''
    server.put(LOG, await packMessage([record], { after, lineage: 'lineage' }))
  }
}

/** The shared log on a device, record by record. */
export const commitsOf = async (name: string): Promise<string[]> =>
  (await dump(name, 'commits')).map(({ value }) => `${value.id} ${value.first} ${value.body}`)

export const rejectedOf = async (name: string) => (await dump(name, 'rejected')).map(({ value }) => value)
export const outboxOf = async (name: string): Promise<any[]> =>
  (await dump(name, 'outbox')).flatMap(({ key, value }) =>
    (key as number) >= 0 && value.body ? JSON.parse(value.body) : [],
  )
