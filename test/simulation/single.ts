import { any, calmDown, commands, dispatch, NAME, type Run, usable, worker } from './acts.ts'
import type { Tab } from './audit.ts'
import { RECOVERY } from './auditFollow.ts'
import { hasFetched } from './code.ts'
import { Violation } from './world.ts'

/** One temporary failure in a quiet world: its cost, and how soon the tab recovers. */

/** The possible lengths of the failure, in virtual milliseconds. */
const LENGTHS = [0, 300, 2000, 8000, 40_000]
/** Milliseconds after the failure in which few requests and messages are allowed. */
const FIRST = 3000
/** The most requests to storage and network in this time: of a tab, and of a tab with its own pipeline. */
const MOST_ASKED = 12
const MOST_ASKED_IN_PAGE = 30
/** A read of the next sealed segment. */
const SEGMENT = 'readonly segments,bodies'
/** The files that a tab fetches if its worker never answers. */
const PIPELINE = 'code ./inPage.ts'
/** The files that a tab fetches after the first work of its visit. From then on it has all that it needs. */
const RESERVE = './reserve.ts'
/** Calls of a subscriber that only report a failure or its end. */
const MOST_TOLD = 4
/** Virtual milliseconds after which an idle hidden tab has recovered, like `RECOVERY`. */
const RECOVERY_HIDDEN = 95_000

export function failOnce(run: Run, a: number, b: number): void {
  const { w, storage, follow } = run
  const all = usable(run).filter(({ engine }) => engine!.status.state === 'ready')
  const victim = any(all, a)
  const other = any(
    all.filter((tab) => tab !== victim),
    b,
  )
  if (!victim) return
  const length = LENGTHS[a % LENGTHS.length]!
  const until = w.now + length
  const of = victim.actor
  const kinds: Record<string, () => void> = {
    'reads fail': () => (w.faults.reads = { share: 1, until, of }),
    'no code is to be had': () => (w.faults.code = { share: 1, until }),
    'connections go': () => {
      for (const { id } of storage.connectionsOf(of)) storage.lose(id)
    },
    'the connection goes and nothing can be read': () => {
      w.faults.reads = { share: 1, until, of }
      for (const { id } of storage.connectionsOf(of)) storage.lose(id)
    },
    'no code is to be had and connections go': () => {
      w.faults.code = { share: 1, until }
      for (const { id } of storage.connectionsOf(of)) storage.lose(id)
    },
    'no code is to be had and no space': () => {
      w.faults.code = { share: 1, until }
      w.faults.quota = 1
    },
    'the worker dies': () => {
      const found = worker(run, a)
      if (found) w.kill(found.actor)
    },
    'there is no space': () => (w.faults.quota = 1),
    'nothing is written': () => (w.faults.abort = 1),
    'files fail': () => (w.faults.files = { share: 1, until }),
    'a page is lost': () => storage.loseValue(NAME, 'pages', b),
    'a checkpoint is lost': () => storage.loseValue(NAME, 'checkpoints', b),
    'hints are lost': () => (w.faults.drop = 1),
  }
  const names = Object.keys(kinds)
  const name = names[b % names.length]!
  of.hidden = a % 5 === 0
  w.say(`alone for ${length} ms: ${name}${of.hidden ? ', hidden' : ''}`, of)
  w.hit(`alone: ${name}`)
  const before = new Map(all.map((tab) => [tab, follow.countsOf(tab)]))
  kinds[name]!()
  // Also a value that an earlier fault has lost and that no tab has read since.
  const isLost = ['pages', 'checkpoints'].some((store) => storage.lostIn(NAME, store).length)
  // The three cases: no command, a command of this tab, a command of another tab.
  const by = [undefined, victim, other, other][(a >> 3) % 4]
  if (by) dispatch(run, by, (a >> 6) % 3 ? { name: 'big', input: { k: 'a' } } : commands(by.build, b), undefined, false)

  const still = (tab: Tab): boolean =>
    tab.actor.alive && !tab.closed && tab.engine!.status.state === 'ready' && !tab.log!.database.deleted
  const statusOf = (tab: Tab): { sequence: number; behind?: unknown } => tab.engine!.status
  const refuse = (tab: Tab, what: string): void => {
    w.violation ??= new Violation(`alone, ${name} for ${length} ms: ${tab.actor.name} ${what}`)
  }

  run.appointments.push(
    {
      at: w.now + FIRST,
      keep() {
        for (const [tab, { asked, told }] of before) {
          if (!still(tab)) continue
          const now = follow.countsOf(tab)
          const most = tab.engine!.status.worker === 'in-page' ? MOST_ASKED_IN_PAGE : MOST_ASKED
          const recent = now.asked > asked ? now.asks.slice(asked - now.asked) : []
          // Rows that were lost are folded again from the log, whose segments are read one by one.
          const folding = isLost ? recent.filter((what) => what === SEGMENT).length : 0
          const count = now.asked - asked - folding
          if (count > most) refuse(tab, `asks ${count} times in ${FIRST} ms: ${recent.join(', ')}`)
          if (now.told - told > MOST_TOLD) refuse(tab, `tells its subscribers ${now.told - told} times in ${FIRST} ms`)
          // A working tab has what it needs, because a deploy may have removed the rest. The reserve is requested once.
          const code = recent.filter(
            (what) => what.startsWith('code') && what !== PIPELINE && what !== `code ${RESERVE}`,
          )
          if (code.length) refuse(tab, `fetches ${code}`)
          const { sequence, behind } = statusOf(tab)
          // On a slow machine its read may not have been answered.
          if (sequence < follow.heardBy(tab) && !behind && !storage.owes(tab.actor))
            refuse(tab, `is at ${sequence}, was told of ${follow.heardBy(tab)} and does not say that it is behind`)
        }
      },
    },
    { at: Math.max(until, w.now + FIRST), keep: () => calmDown(run) },
    {
      at: Math.max(until, w.now + FIRST) + (of.hidden ? RECOVERY_HIDDEN : RECOVERY),
      keep() {
        for (const tab of before.keys()) {
          if (!still(tab)) continue
          const { sequence, behind } = statusOf(tab)
          const due = follow.heardBy(tab)
          if (sequence < due) refuse(tab, `is at ${sequence} and was told of ${due}, long after it is over`)
          else if (behind) refuse(tab, `says that it is behind, at ${sequence}`)
          if (!hasFetched(tab.actor, RESERVE))
            refuse(tab, 'has not fetched what an emergency needs, long after it is over')
        }
        of.hidden = false
      },
    },
  )
  run.quietUntil = run.appointments.at(-1)!.at
}
