import { quietly } from '../async.ts'
import type { Key } from '../data.ts'
import type { Core } from '../engine/core.ts'
import { coreOf } from '../engine/openEngine.ts'
import type { Engine } from '../engine/types.ts'
import { ModelError } from '../errors.ts'
import { pause } from '../slices.ts'
import { describeError } from './format.ts'
import { followCommands, type SeenCommand } from './seenCommands.ts'
import { createUpdates } from './updates.ts'

export type InspectedEngine = Engine<any, any, any>

/** The most errors that are kept. */
const ERRORS_MAX = 50

const PANELS = [
  'log',
  'rows',
  'time',
  'commands',
  'projections',
  'reactions',
  'drafts',
  'sync',
  'tabs',
  'storage',
  'health',
] as const
export type PanelName = (typeof PANELS)[number]

/** The pages that have something to show: not every model has drafts, and not every log has a remote. */
export function panelsOf({ engine }: Session): readonly PanelName[] {
  const isEmpty = { drafts: !Object.keys(engine.drafts).length, sync: !engine.status.sync }
  // Other pages are never empty.
  return PANELS.filter((panel) => !isEmpty[panel as keyof typeof isEmpty])
}

/** The target of a link: a page and what to show there. */
export interface PanelPlace {
  readonly panel: PanelName
  readonly sequence?: number
  readonly filter?: string
  readonly projection?: string
  readonly key?: Key
}

export interface SeenError {
  readonly at: number
  readonly error: Error
}

/** The state that the pages of one engine share. */
export interface Session {
  readonly engine: InspectedEngine
  readonly core: Core
  readonly commands: readonly SeenCommand[]
  readonly errors: readonly SeenError[]
  /** The target of the last link. It is a new object each time. */
  readonly place: PanelPlace
  /** The last action, announced to a screen reader. */
  readonly said: string
  /** Calls `listener` when something may have changed, at the pace of updates while the engine keeps changing. Links and announcements come at once. */
  subscribe(listener: () => void): () => void
  /** Calls `read` before each update, which waits for it: what an update shows is there when it renders. Returns the function that ends that. */
  prepare(read: () => Promise<void>): () => void
  show(place: PanelPlace): void
  say(text: string): void
  copy(text: string): Promise<void>
  close(): void
}

/** Milliseconds of the page's thread since `began`: until what has changed is rendered, and for the frame that shows it. */
async function untilShown(began: number): Promise<number> {
  await pause()
  const rendered = performance.now() - began
  // A hidden page has no frames.
  if (globalThis.document?.hidden !== false) return rendered
  await new Promise(requestAnimationFrame)
  const frame = performance.now()
  await pause()
  return rendered + performance.now() - frame
}

export function openSession(engine: InspectedEngine): Session {
  const core = coreOf.get(engine)
  if (!core) throw new ModelError('mountDevtools: expected an engine that openEngine returned')
  const listeners = new Set<() => void>()
  const errors: SeenError[] = []
  let place: PanelPlace = { panel: 'log' }
  let said = ''
  const preparations = new Set<() => Promise<void>>()

  const updates = createUpdates(async () => {
    // Each page shows what it could not read.
    await Promise.all([...preparations].map((read) => quietly(read())))
    const began = performance.now()
    inform()
    return untilShown(began)
  })
  function inform(): void {
    noteErrors()
    for (const listener of [...listeners]) listener()
  }
  function tell(): void {
    updates.restart()
    inform()
  }
  function noteErrors(): void {
    const { lastError, behind, projections } = engine.status
    const failures = Object.values(projections).map((one) => one.error)
    for (const error of [lastError, behind?.error, ...failures]) {
      if (!error || errors.some((seen) => seen.error === error)) continue
      errors.unshift({ at: Date.now(), error })
      errors.length = Math.min(errors.length, ERRORS_MAX)
    }
  }
  const unsubscribe = engine.subscribe(updates.ask)
  const followed = followCommands(core, updates.ask)
  noteErrors()

  const session: Session = {
    engine,
    core,
    get commands() {
      return followed.commands
    },
    errors,
    get place() {
      return place
    },
    get said() {
      return said
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    prepare(read) {
      preparations.add(read)
      return () => void preparations.delete(read)
    },
    show(next) {
      place = next
      tell()
    },
    say(text) {
      said = text
      tell()
    },
    async copy(text) {
      try {
        await navigator.clipboard.writeText(text)
        session.say('Copied to the clipboard.')
      } catch (error) {
        session.say(`The browser did not let this page write to the clipboard. ${describeError(error)}`)
      }
    },
    close() {
      unsubscribe()
      followed.stop()
      updates.stop()
      listeners.clear()
      preparations.clear()
    },
  }
  return session
}
