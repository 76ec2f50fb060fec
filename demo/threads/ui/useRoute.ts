import { useSyncExternalStore } from 'react'

/** What the page shows. It is in the address, so a reload, the back button and a second tab keep it. */
export interface Route {
  readonly projectId?: string
  readonly threadId?: string
  /** On a narrow screen, the files replace the thread. */
  readonly files: boolean
  /** The turn whose changes are shown. */
  readonly turn?: number
}

const read = (hash: string): Route => {
  const [kind, id, view, turn] = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent)
  const files = view === 'files' || view === 'turn'
  if (kind === 'project' && id) return { projectId: id, files }
  if (kind === 'thread' && id) return { threadId: id, files, ...(view === 'turn' && { turn: Number(turn) }) }
  return { files: false }
}

let last: { readonly hash: string; readonly route: Route } | undefined
const current = (): Route => {
  const { hash } = location
  if (last?.hash !== hash) last = { hash, route: read(hash) }
  return last.route
}
const subscribe = (changed: () => void): (() => void) => {
  addEventListener('hashchange', changed)
  return () => removeEventListener('hashchange', changed)
}

export const useRoute = (): Route => useSyncExternalStore(subscribe, current)

const part = encodeURIComponent
export const toProject = (id: string): string => `#/project/${part(id)}`
export const toThread = (id: string): string => `#/thread/${part(id)}`
export const toFiles = (of: string): string => `${of}/files`
export const toTurn = (threadId: string, turn: number): string => `${toThread(threadId)}/turn/${turn}`
export const go = (hash: string): void => {
  location.hash = hash
}
