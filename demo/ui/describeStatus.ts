import type { Status } from 'tidemark'
import { describeError } from './describeError.ts'
import { count, plural } from './format.ts'

export type Tone = 'good' | 'busy' | 'careful' | 'bad'
export interface Description {
  readonly tone: Tone
  readonly sentence: string
}

/** One sentence about the most serious fact. A restore is reported only in pages that were opened before it; `opened` is when. */
export function describeStatus(status: Status, opened = 0): Description {
  const { state, sequence, projected, pending, worker, storage, mirror } = status
  const projections = Object.entries(status.projections)
  const failed = projections.find(([, { state }]) => state === 'failed')
  const building = projections.find(([, { state }]) => state === 'building')
  const behind = sequence - projected
  const reason = status.lastError && describeError(status.lastError)

  if (state === 'closed') return bad(`${upper(reason ?? 'this tab is closed')}. Reload to open the present log.`)
  if (state === 'failed')
    return bad(`${upper(reason ?? 'the log is damaged')}. You can read what is here, but not change it.`)
  if (state === 'outdated')
    return bad('A newer version of this page has written events that this tab does not know. Reload to continue.')
  if (failed) return bad(`“${failed[0]}” stopped at event ${count(failed[1].sequence)}; the rest keeps working.`)
  if (storage === 'memory') return careful('Nothing is stored: everything here is gone when the tab is closed.')
  if (status.restored && status.restored.at >= opened)
    return careful(`The browser had lost the log; it was restored up to event ${count(status.restored.sequence)}.`)
  if (status.lastError) return careful(`The log is fine, but: ${reason}`)
  if (building) return busy(`“${building[0]}” is being computed from the log${share(building[1].progress)}.`)
  if (pending > 0) return busy(`${plural(pending, 'change')} shown here, not saved yet.`)
  if (worker === 'none')
    return good('Everything is in the log. The worker has not answered yet, but nothing waits for it.')
  if (behind > 0) return busy(`Everything is in the log; the snapshot follows, ${plural(behind, 'event')} behind.`)
  if (mirror?.state === 'behind') return busy('Everything is in the log; its second copy follows.')
  if (worker === 'in-page')
    return good('Everything is in the log. No shared worker answers, so this tab keeps the snapshot itself.')
  return good('Everything is in the log, and the next tab opens from an up-to-date snapshot.')
}

const upper = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

const say =
  (tone: Tone) =>
  (sentence: string): Description => ({ tone, sentence })
const good = say('good')
const busy = say('busy')
const careful = say('careful')
const bad = say('bad')

const share = (progress: { readonly done: number; readonly total: number } | undefined): string =>
  progress && progress.total > 0 ? `, ${Math.floor((100 * progress.done) / progress.total)} % done` : ''
