import { aborting } from '../async.ts'
import { asError } from '../caught.ts'
import { lockName } from '../locks.ts'
import { openChannel } from '../log/channel.ts'
import { connectHost } from '../projections/connect.ts'
import { hold, holdName } from '../projections/hold.ts'
import type { Workshop } from '../projections/workshop.ts'
import type { OpenRemote } from '../remote.ts'
import { showBuilding } from './checkpoints.ts'
import type { Core } from './core.ts'
import { readMissed, takeHint } from './hints.ts'
import { keepLoading } from './keepLoading.ts'
import { sharedPart } from './part.ts'
import { storageChanged } from './persistence.ts'
import type { OpenOptions } from './types.ts'
import { firstCommandsAreIn } from './visitIsDone.ts'
import { withReactions } from './withReactions.ts'

/** Takes an engine's lock, connects its host and listens to the page's events, until the engine ends. */
export function appear(core: Core, options: OpenOptions, booted: number): void {
  const presence = createPresence(core, options, booted)
  const askStorage = (): void => askForStorage(core)
  const forgetPage = followPage(core, presence, askStorage)
  const stopAsking = storageChanged.add(askStorage)
  core.ended.addEventListener('abort', () => {
    forgetPage()
    stopAsking()
    putAway(core, presence)
  })
  if (core.database) core.database.lost = () => readMissed(core)
  core.stepAside = async (task) => {
    await presence.leave()
    try {
      return await task()
    } finally {
      if (!core.ended.aborted) presence.arrive()
    }
  }
  askStorage()
  showBuilding(core)
  presence.arrive()
}

/** The lock and the host connection of an engine. */
interface Presence {
  /** Takes the lock and connects the host. */
  arrive(): void
  /** Closes the host connection and releases the lock. Resolves when the lock is free. */
  leave(): Promise<void>
}

function createPresence(core: Core, options: OpenOptions, booted: number): Presence {
  const { worker, mirror, remote, context } = options
  const { name } = core
  let away: AbortController | undefined
  let free: Promise<void> | undefined

  const changed = (kind: Core['worker'], error?: unknown): void => {
    core.worker = kind
    if (error && core.state === 'ready') core.error = asError(error)
    core.changed(false)
  }
  // A page without SharedWorker follows the remote and runs the reactions itself.
  const opened = (shop: Workshop): void => {
    if (remote) void followInPage(core, shop, remote)
    withReactions(core, options, (part) => part.reactInPage(core, options, shop, booted))
  }

  return {
    arrive() {
      if (away) return
      const leaving = new AbortController()
      away = leaving
      hold(
        core.projections.map(({ identity }) => holdName(name, identity)),
        leaving.signal,
      )
      const gone = new Promise<void>((resolve) => leaving.signal.addEventListener('abort', () => resolve()))
      // Every open engine of this log holds this lock in shared mode. Tools that must be alone take it exclusively.
      free = globalThis.navigator?.locks
        ?.request(lockName('log', name), { mode: 'shared', signal: leaving.signal }, () => gone)
        .catch(() => {})
      core.channel?.post({ log: core.logId, asks: 'mirror' })
      core.host = connectHost(core.model, name, {
        spawn: worker,
        mirror,
        changed,
        channel: core.channel,
        opened,
        ready: firstCommandsAreIn(core),
        booted,
        lend: context && (() => lend(core, options, context)),
      })
    },
    async leave() {
      away?.abort()
      away = undefined
      core.host?.close()
      await free
    },
  }
}

/**
 * Releases locks, ports and the channel before the page enters the back/forward cache. Locks and ports would keep it
 * out, or keep other tabs waiting while it is frozen; a message would evict it.
 */
function putAway(core: Core, presence: Presence): void {
  core.channel?.close()
  void presence.leave()
}

/** Listens to the page: whether it is hidden, shown again, focused or back online. Returns the function that stops this. */
function followPage(core: Core, presence: Presence, askStorage: () => void): () => void {
  function comeBack(event: Event): void {
    // Both 'pageshow' and 'pagehide' are PageTransitionEvents.
    if (!(event as PageTransitionEvent).persisted) return
    core.channel &&= openChannel(core.name, (hint) => takeHint(core, hint))
    presence.arrive()
    readMissed(core)
  }

  const events = [
    ['pagehide', () => putAway(core, presence)],
    ['pageshow', comeBack],
    ['focus', () => readMissed(core)],
    ['online', () => readMissed(core)],
    // The user may have changed the permission on the browser's settings page.
    ['focus', askStorage],
  ] as const
  for (const [type, listener] of events) globalThis.addEventListener?.(type, listener)
  return () => {
    for (const [type, listener] of events) globalThis.removeEventListener?.(type, listener)
  }
}

function askForStorage(core: Core): void {
  aborting(Promise.resolve(globalThis.navigator?.storage?.persisted?.()), core.ended)
    .then((persistent) => {
      if (core.persistent === persistent) return
      core.persistent = persistent
      core.changed(false)
    })
    .catch(() => {})
}

/** Returns one end of a new message channel. At the other end the page answers with the app's `context`. */
function lend(core: Core, options: OpenOptions, context: NonNullable<OpenOptions['context']>): MessagePort {
  const { port1, port2 } = new MessageChannel()
  withReactions(core, options, (part) => part.answerContext(port1, context))
  return port2
}

async function followInPage(core: Core, shop: Workshop, remote: OpenRemote): Promise<void> {
  const { replicate } = await keepLoading(core, sharedPart, shop.closing)
  await replicate(shop, remote)
}
