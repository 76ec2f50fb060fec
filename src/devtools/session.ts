import type { Key } from '../data.ts'
import type { Core } from '../engine/core.ts'
import { coreOf } from '../engine/openEngine.ts'
import type { Engine } from '../engine/types.ts'
import { ModelError } from '../errors.ts'
import { describeError } from './format.ts'
import { followCommands, type SeenCommand } from './seenCommands.ts'

export type InspectedEngine = Engine<any, any, any>

/** Milliseconds between two updates while an engine keeps changing, so that the page keeps most of the time. */
const REFRESH_MS = 2000
/** Milliseconds after which an update no longer waits for the page to be idle. */
const IDLE_MS = 100
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
  /** Calls `listener` when something may have changed, at most once in two seconds while the engine keeps changing. Links and announcements come at once. */
  subscribe(listener: () => void): () => void
  show(place: PanelPlace): void
  say(text: string): void
  copy(text: string): Promise<void>
  close(): void
}

/** A fallback for Safari, which has no idle callbacks. */
function whenIdle(run: () => void): void {
  if ('requestIdleCallback' in globalThis) requestIdleCallback(run, { timeout: IDLE_MS })
  else run()
}

export function openSession(engine: InspectedEngine): Session {
  const core = coreOf.get(engine)
  if (!core) throw new ModelError('mountDevtools: expected an engine that openEngine returned')
  const listeners = new Set<() => void>()
  const errors: SeenError[] = []
  let place: PanelPlace = { panel: 'log' }
  let said = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  let told = Number.NEGATIVE_INFINITY

  function tell(): void {
    clearTimeout(timer)
    timer = undefined
    told = performance.now()
    noteErrors()
    for (const listener of [...listeners]) listener()
  }
  /** Updates at once after a quiet time, else when the next update is due. */
  function tellSoon(): void {
    timer ??= setTimeout(whenIdle, Math.max(0, told + REFRESH_MS - performance.now()), tell)
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
  const unsubscribe = engine.subscribe(tellSoon)
  const followed = followCommands(core, tellSoon)
  noteErrors()

  const session: Session = {
    engine,
    core,
    commands: followed.commands,
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
      clearTimeout(timer)
      listeners.clear()
    },
  }
  return session
}
