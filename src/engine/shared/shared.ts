import type { Appended } from '../../log/append.ts'
import { isLarge } from '../../log/channel.ts'
import { isCommit } from '../../log/commit.ts'
import { readDevice } from '../../log/device.ts'
import { isLocal, isMarker, type LocalRecord, type Marker } from '../../log/local.ts'
import {
  appendLocal,
  appendLocalInside,
  forgetEntry,
  lookShared,
  readShared,
  type SharedLog,
} from '../../log/outbox.ts'
import { fromWire, wireClasses } from '../../log/wire.ts'
import { RemoteError } from '../../remote.ts'
import { catchUp } from '../catchUp.ts'
import type { Layer } from '../layer.ts'
import { lookUpCommand as lookUpInLog } from '../lookUp.ts'
import { attemptIn, extraWritesOf, failCommand, isStrict, type Pending, settleWithoutEvents } from '../pending.ts'
import { givenIds } from '../settleAtHead.ts'
import { applyCommit, rebase, type Tab } from '../tab.ts'
import { takeOver } from '../takeOver.ts'
import { type ComposedLocal, composeLocal } from './composeLocal.ts'
import { inSlices, runSteps } from './inSlices.ts'
import { answerFrom, type Compared, createLocalLayer, succeedLocally } from './layer.ts'
import { createRefold } from './refold.ts'
import { createVerdicts } from './verdicts.ts'

export { replicate } from '../../sync/replicate.ts'
export { expectFollower, tellInMemory } from './follower.ts'
export { takeOnline } from './takeOnline.ts'

// Registered here, because a page without a remote does not need this class.
wireClasses.RemoteError = RemoteError

/** The part of the log that a tab has just read. */
type Found = Pick<SharedLog, 'commits' | 'marker' | 'records'>

/** Creates the layer of a tab of a log with a remote. `stored` is the outbox that boot read. */
export function createLayer(tab: Tab, stored: readonly (LocalRecord | Marker)[] | undefined): Layer<Tab> {
  const verdicts = createVerdicts(tab)
  const local = createLocalLayer(tab, verdicts, stored)
  const database = tab.database!
  let device: string | undefined
  /**
   * Reads the device id, if this is needed: a tab of an app with reactions (`tab.first`) stores it with its commands.
   * Returns whether it was read now.
   */
  const readsDevice = async (): Promise<boolean> => {
    if (!tab.first || device) return false
    device = await readDevice(database)
    return true
  }
  const refold = createRefold(tab, local)
  if (!stored) tab.behind = true

  /** Applies what was read: new commits, and the outbox. */
  function update(found: Found, compared: Compared): void {
    const { commits } = found
    // The log could be read, so the trouble is over. Subscribers learn it together with the changes.
    tab.trouble = undefined
    if (compared.shown !== undefined) {
      local.confirmShown(commits, found, compared)
      for (const commit of commits) verdicts.arrived(commit)
      tab.changed(false)
    } else
      rebase(tab, () => {
        for (const commit of commits) applyCommit(tab, commit)
        local.set(found, compared)
      })
  }

  /** Does the same in slices if there are many local commands, and then keeps the old rows until it is done. */
  async function updateInSlices(found: Found): Promise<void> {
    const compared = await inSlices(local.comparing(found.commits, found))
    if (compared.shown !== undefined || !refold.isLong(Math.max(compared.next.length, local.length)))
      return update(found, compared)
    tab.trouble = undefined
    await refold.take(found.commits, compared.kept, () => local.set(found, compared))
    await refold.end()
  }

  /** Reads the commits after the head to the end of the log, while the rows of the local commands are taken back. */
  const readHeld: Parameters<typeof catchUp>[3] = async (_, signal, progress) => {
    for await (const records of tab.log.readAfter(tab.head, signal, true)) {
      signal?.throwIfAborted()
      await refold.take(records)
      progress?.(tab.head)
    }
  }

  /** Takes over a record that was just stored in the outbox. Usually the rows already show its events. */
  function confirm({ record, parts }: ComposedLocal): void {
    tab.first = undefined
    tab.channel?.post({ log: tab.logId, local: isLarge(record) ? record.n : record })
    const asShown =
      local.last === record.n - 1 &&
      tab.state === 'ready' &&
      parts.every(({ pending, version }, i) => tab.pending[i] === pending && pending.version === version)
    if (asShown) {
      local.moveDown(
        record,
        parts.map(({ decision }) => decision),
      )
      for (const { pending, decision } of parts)
        succeedLocally(tab, verdicts, pending, decision.events, false, attemptIn(pending, record.id), record.id)
      tab.changed(false)
    } else if (local.last === record.n - 1) rebase(tab, () => local.add(record))
    // Another record came first. This record was read together with it, or will be.
    else tab.behind = true
  }

  async function lookUp(_: Tab, pending: Pending): Promise<void> {
    const { entries } = await lookShared(database, tab.head, local.last, [pending.id])
    const entry = entries.get(pending.id)
    if (!entry) return
    if (!entry.outbox) return lookUpInLog(tab, pending, entry)
    const found = local.find(pending.id)
    if (found) return rebase(tab, () => answerFrom(tab, verdicts, pending, found))
    const shared = await readShared(database, tab.head, local.marker.n)
    const isThere = shared?.records.some(({ body }) => body.includes(JSON.stringify(pending.id)))
    // Otherwise the entry is a remnant of a record below the marker.
    if (isThere || shared?.commits.length) tab.behind = true
    else await forgetEntry(database, pending.id, entry)
  }

  /** Settles a command that gave no events, unless a caller waits for the remote. */
  function settleEmpty(pending: Pending, head: number): void {
    const settle = (one: Pending): void => settleWithoutEvents(tab, one, head)
    if (!verdicts.hold(pending, settle)) settle(pending)
  }

  return {
    get length() {
      return refold.shown?.length ?? local.length
    },
    get head() {
      return refold.shown?.head
    },
    get journal() {
      return refold.journal
    },
    finish: refold.finish,
    past(range) {
      refold.finish()
      return local.past(range)
    },
    takeBack: local.takeBack,
    putOn: local.putOn,
    arrived(record) {
      local.arrived(record)
      verdicts.arrived(record)
    },
    leave: verdicts.leave,
    hear(said) {
      const isNext = isLocal(said) && said.n === local.last + 1
      const fits = isNext && !tab.catchingUp && !tab.behind && !tab.pending.length
      try {
        if (fits) rebase(tab, () => local.add(said))
        else if (Number(isLocal(said) ? said.n : said) > local.last) tab.behind = true
      } catch {
        tab.behind = true
      }
      if (tab.behind) tab.pump()
    },

    hearTaken(taken) {
      const isNext = isCommit(taken.commit) && isMarker(taken.marker) && !tab.catchingUp && !tab.behind
      if (!isNext || !local.confirmTaken(taken)) return false
      verdicts.arrived(taken.commit)
      return true
    },

    async catchUp(_, signal, progress) {
      tab.catchingUp = true
      try {
        tab.behind = false
        if (!tab.head) await takeOver(tab)
        const unsure = tab.pending.filter(({ phase }) => phase === 'unsure')
        const waiting = verdicts.ids()
        for (;;) {
          signal?.throwIfAborted()
          const shared = await readShared(database, tab.head, local.marker.n, [
            ...unsure.map(({ id }) => id),
            ...waiting,
          ])
          if (!shared || shared.hasMore) {
            const { head } = tab
            await catchUp(tab, signal, progress, refold.isLong(local.length) ? readHeld : undefined)
            tab.catchingUp = true
            // A tab that was closed or stopped during the read applies nothing, so it can't get closer to the log's
            // head.
            if (!shared || tab.head === head) return
            continue
          }
          await updateInSlices(shared)
          for (const { id, error } of shared.rejected) {
            const pending = unsure.find((one) => one.id === id && one.phase === 'unsure')
            if (pending) rebase(tab, () => failCommand(tab, pending, fromWire(error)))
          }
          verdicts.settle(waiting, (id) => !!local.find(id), shared.rejected)
          return
        }
      } catch (error) {
        tab.behind = true
        throw error
      } finally {
        try {
          await refold.end()
        } finally {
          tab.catchingUp = false
        }
      }
    },

    async appendGroup(_, group): Promise<Appended> {
      // The group may have changed while the device id was read.
      if (await readsDevice()) return 'raced'
      const composed = composeLocal(tab, group, local, device)
      for (const pending of group) pending.phase = 'in transaction'
      const outcome = await appendLocal(database, composed.record, composed.beside)
      for (const pending of group) if (pending.phase === 'in transaction') pending.phase = 'waiting'
      if (outcome === 'appended') confirm(composed)
      return outcome
    },

    async settleAtHead(_, leading) {
      const { head } = tab
      const { last } = local
      const seen = leading.map((pending) => ({ pending, version: pending.version }))
      const { raced, entries } = await lookShared(database, head, last, givenIds(leading))
      if (raced) return 'raced'
      let settled = false
      for (const { pending, version } of seen) {
        if (tab.head !== head || local.last !== last || tab.behind) continue
        if (pending.phase !== 'waiting' || pending.version !== version) continue
        if (entries.has(pending.id)) await lookUp(tab, pending)
        else settleEmpty(pending, head)
        settled = true
      }
      if (settled) tab.changed(false)
      return 'settled'
    },

    lookUp,

    async decideInside(_, commands) {
      const refused: { readonly pending: Pending; readonly version: number }[] = []
      const accepted: Pending[] = []
      let known: ReadonlySet<string> = new Set()
      let composed: ComposedLocal | undefined
      let whole = false
      if (await readsDevice()) return 'not whole'
      for (const pending of commands) {
        pending.phase = 'in transaction'
        pending.tries = { ...pending.tries, races: 0 }
      }
      const added = await appendLocalInside(
        database,
        tab.head,
        local.marker.n,
        givenIds(commands),
        (found, taken) => {
          whole = true
          known = taken
          // Inside a transaction there are no pauses.
          update(found, runSteps(local.comparing(found.commits, found)))
          for (const pending of tab.state === 'ready' ? tab.pending : []) {
            if (!commands.includes(pending) || taken.has(pending.id)) break
            if (pending.decision.events.length) accepted.push(pending)
            else if (accepted.length) break
            else refused.push({ pending, version: pending.version })
          }
          if (accepted.length) composed = composeLocal(tab, accepted, local, device)
          return composed
        },
        commands.some(isStrict) ? 'strict' : 'relaxed',
        extraWritesOf(commands, tab.first),
      )
      for (const pending of commands) if (pending.phase === 'in transaction') pending.phase = 'waiting'
      if (!whole || (composed && !added)) return 'not whole'
      for (const { pending, version } of refused) if (pending.version === version) settleEmpty(pending, tab.head)
      if (composed) confirm(composed)
      else tab.changed(false)
      // What was read decides commands that wait for the remote. The next catch-up settles them.
      if (verdicts.ids().some((id) => !local.find(id))) tab.behind = true
      for (const pending of commands)
        if (pending.phase === 'waiting' && known.has(pending.id)) await lookUp(tab, pending)
      return 'decided'
    },
  }
}
