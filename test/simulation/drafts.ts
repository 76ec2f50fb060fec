import type { DraftWriter } from 'tidemark/drafts'
import type { Audit, Tab } from './audit.ts'
import { type RawDatabase, readStore, type Storage } from './indexedDb.ts'
import { Violation, type World } from './world.ts'

/** Checks the rules of drafts against the text that each writer was given. */

/** One attempt to write a draft. Its text begins with its number, so that what is stored names its writer. */
export interface Attempt {
  readonly number: number
  readonly tab: Tab
  readonly id: string
  readonly writer: DraftWriter
  text: string
  over: boolean
  /** The number of the dispatch that ends the draft. */
  ends?: number | undefined
}

export interface DraftAudit {
  begin(tab: Tab, id: string): void
  append(a: number, b: number): void
  writerOf(n: number): Attempt | undefined
  end(attempt: Attempt, dispatch: () => Promise<unknown>): Promise<void>
  takeOver(tab: Tab, id: string, dispatch: () => Promise<unknown>): Promise<void>
  discard(tab: Tab, id: string): Promise<void>
  /** Checks the drafts of a tab after everything has come to rest. */
  check(tab: Tab): Promise<void>
}

const IDS = ['p', 'q']

export function createDraftAudit(w: World, storage: Storage, audit: Audit): DraftAudit {
  const attempts: Attempt[] = []
  /** Epochs that were in the store and are gone. */
  const gone = new Set<string>()
  const known = new Map<RawDatabase, Set<string>>()
  const fail = (what: string): void => {
    w.violation ??= new Violation(what)
  }
  const open = (): Attempt[] =>
    attempts.filter(({ tab, over }) => !over && tab.actor.alive && !tab.actor.frozen && !tab.closed)
  /** The writer of a text. */
  const authorOf = (text: string): Attempt | undefined => attempts[Number(/^#(\d+):/.exec(text)?.[1])]

  const { committed } = storage
  storage.committed = (database, stores, tx) => {
    committed?.(database, stores, tx)
    if (!database.rawObjectStores.has('drafts') || tx.mode === 'versionchange') return
    if (stores.has('drafts')) checkStore(database)
    if (stores.has('commits')) checkEnds(database)
  }

  function checkStore(database: RawDatabase): void {
    const records = readStore(database, 'drafts')
    const heads = records.filter(({ key }) => (key as unknown as unknown[])[0] === 0)
    const before = known.get(database) ?? new Set()
    const now = new Set(heads.map(({ value }) => value.epoch as string))
    known.set(database, now)
    for (const epoch of before) if (!now.has(epoch)) gone.add(epoch)
    for (const id of IDS) {
      const [head, ...others] = heads.filter(({ value }) => value.id === id)
      if (others.length) fail(`drafts, rule 1: "${id}" is stored for ${others.length + 1} attempts`)
      const pieces = records.filter(({ key, value }) => value.id === id && (key as unknown as unknown[])[0] === 1)
      if (!head) {
        if (pieces.length) fail(`drafts, rule 1: "${id}" has pieces and no head`)
        continue
      }
      if (gone.has(head.value.epoch)) fail(`drafts, rule 1: an attempt of "${id}" that was over is stored again`)
      let { text } = head.value
      for (const { value } of pieces) {
        if (value.epoch !== head.value.epoch) fail(`drafts, rule 1: "${id}" has a piece of another attempt`)
        if (value.offset !== text.length) fail(`drafts, rule 2: "${id}" has a gap at ${text.length}`)
        text += value.text
      }
      if (text && !authorOf(text)?.text.startsWith(text)) fail(`drafts, rule 1: "${id}" is stored as "${text}"`)
    }
  }

  /** Checks rule 4: one transaction appends the events and deletes the draft. */
  function checkEnds(database: RawDatabase): void {
    const { byDispatch } = audit.logOf(database)
    const heads = readStore(database, 'drafts').filter(({ key }) => (key as unknown as unknown[])[0] === 0)
    for (const attempt of attempts) {
      if (attempt.ends === undefined || !byDispatch.has(attempt.ends)) continue
      w.hit('draft ended')
      if (heads.some(({ value }) => value.id === attempt.id && authorOf(value.text) === attempt))
        fail(`drafts, rule 4: #${attempt.number} is in the log and still a draft`)
      attempt.ends = undefined
    }
  }

  const isFine = (error: any): boolean =>
    ['DraftOver', 'CommandRejected', 'EngineClosed', 'StorageError', 'OutdatedCodeError', 'RangeError'].includes(
      error?.name,
    )
  const settle = async (promise: Promise<unknown>): Promise<void> => {
    try {
      await promise
    } catch (error) {
      if (!isFine(error) && (error as Error).message !== 'poison') throw error
    }
  }

  return {
    begin(tab, id) {
      if (tab.engine!.status.state === 'closed') return
      const number = attempts.length
      const writer = tab.engine!.drafts.text!.begin(id, {})
      attempts.push({ number, tab, id, writer, text: `#${number}:`, over: false })
      w.say(`begins draft ${id} as #${number}`, tab.actor)
      writer.append(`#${number}:`)
      w.hit('draft begun')
    },
    append(a, b) {
      const all = open()
      const one = all[b % (all.length || 1)]
      if (!one) return
      const addition = `${a % 100} `
      // An append that is refused is not part of the text.
      if (one.writer.signal.aborted) return
      w.current = one.tab.actor
      one.text += addition
      one.writer.append(addition)
      const shown = one.tab.engine!.drafts.text!.get(one.id)
      if (!shown || authorOf(shown.text) !== one || shown.text !== one.text)
        fail(`drafts: ${one.tab.actor.name} shows "${shown?.text}" of its own "${one.text}"`)
    },
    writerOf(n) {
      const all = open()
      return all[n % (all.length || 1)]
    },
    async end(attempt, dispatch) {
      attempt.over = true
      const { writer, tab } = attempt
      w.say(`ends draft #${attempt.number}`, tab.actor)
      await settle(
        writer.end((text) => {
          if (text !== attempt.text) fail(`drafts, rule 4: #${attempt.number} ends as "${text}", not "${attempt.text}"`)
          w.current = tab.actor
          attempt.ends = audit.dispatches.length
          return dispatch()
        }),
      )
    },
    async takeOver(tab, id, dispatch) {
      let author: Attempt | undefined
      const ending = tab.engine!.drafts.text!.end(id, (text) => {
        author = authorOf(text)
        if (text && !author?.text.startsWith(text)) fail(`drafts, rule 1: an abandoned "${id}" is "${text}"`)
        w.hit('draft taken over')
        w.current = tab.actor
        if (author) author.ends = audit.dispatches.length
        return dispatch()
      })
      await settle(ending)
    },
    async discard(tab, id) {
      for (const attempt of attempts) if (attempt.tab === tab && attempt.id === id) attempt.over = true
      await settle(tab.engine!.drafts.text!.discard(id))
    },
    async check(tab) {
      const { text } = tab.engine!.drafts
      for (const found of await text!.list()) {
        const shown = text!.get(found.id)
        const writer = authorOf(found.text)
        const isOpen =
          !!writer && !writer.over && writer.tab.actor.alive && !writer.tab.closed && !writer.writer.signal.aborted
        if (writer && (found.state === 'live') !== isOpen && !writer.ends)
          fail(`drafts, rule 1: #${writer.number} is ${found.state}`)
        if (shown && !found.text.startsWith(shown.text.slice(0, found.text.length)))
          fail(`drafts: ${tab.actor.name} shows "${shown.text}" of "${found.text}"`)
        w.hit(`draft ${found.state} at the end`)
      }
    },
  }
}
