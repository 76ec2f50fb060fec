import { StorageError } from '../errors.ts'
// What a lost connection needs is fetched with the rest, before there is one.
import '../log/reopen.ts'
import { append, groupOf } from './append.ts'
import { catchUp } from './catchUp.ts'
import { decideInside, recover, settleAtHead } from './contend.ts'
import { fail, rebase, type Tab } from './tab.ts'

/** Lost races after which a command is decided inside the appending transaction (rule 4). */
const LOST_RACES = 2

/** Whatever the tab has to do with the log, one thing after the other. */
export async function work(tab: Tab): Promise<void> {
  try {
    await rounds(tab)
  } catch (error) {
    // Nothing that is expected: whoever waits is told, and the log is read before anything else is written.
    tab.behind = true
    tab.error = error as Error
    rebase(tab, () => {
      for (const pending of [...tab.pending])
        fail(tab, pending, pending.attempts ? new StorageError('unknown', `${error}`, error) : error)
    })
  }
}

async function rounds(tab: Tab): Promise<void> {
  for (let appended = false; ; ) {
    const { pending, state } = tab
    const contended = pending.some(({ lostRaces }) => lostRaces >= LOST_RACES)
    if ((tab.behind && !contended && state === 'ready') || pending.some(({ unsure }) => unsure)) {
      await catchUp(tab)
      // Behind again: others write faster than this tab decides.
      if (tab.behind) for (const one of tab.pending) one.lostRaces++
    } else if (state !== 'ready' || !pending.length) return
    else {
      const accepted = pending.filter(({ decision }) => decision.events.length)
      const leading = accepted[0] ? pending.slice(0, pending.indexOf(accepted[0])) : [...pending]
      // Alternately, so that a stream of appends does not keep a rejection waiting.
      appended = accepted.length > 0 && !(appended && leading.length)
      if (contended) await decideInside(tab, [...leading, ...groupOf(accepted).map((one) => one.pending)])
      else if (!appended) await settleAtHead(tab, leading)
      else {
        const group = groupOf(accepted)
        const outcome = await append(tab, group)
        if (outcome !== 'appended') await recover(tab, group, outcome)
      }
    }
  }
}
