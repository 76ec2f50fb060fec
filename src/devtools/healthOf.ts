import { formatCount, plural, time } from './format.ts'
import type { InspectedEngine } from './session.ts'

/** The lag of the persisted rows, in events, above which the sentence mentions it. */
const WORTH_A_WORD_EVENTS = 8192

export interface Health {
  readonly tone: 'good' | 'careful' | 'bad'
  readonly sentence: string
}

/** Describes the health of an engine in one sentence. */
export function healthOf({ status }: InspectedEngine): Health {
  const { state, sequence, projected, pending, projections, behind, storage, lastError, mirror, sync, reactions } =
    status
  const failed = Object.entries(projections).filter(([, one]) => one.state === 'failed')
  if (state === 'closed') return { tone: 'careful', sentence: 'This engine is closed.' }
  if (state === 'failed')
    return {
      tone: 'bad',
      sentence: 'The log is damaged: commands are refused, and the log panel shows what can be read.',
    }
  if (state === 'outdated')
    return { tone: 'bad', sentence: 'A newer build has written to this log: reload the page to go on.' }
  if (behind)
    return {
      tone: 'bad',
      sentence: `This tab can't read its log since ${time(behind.since)}. It tries again by itself.`,
    }
  if (failed.length) {
    const names = failed.map(([name, one]) => `${name} at event ${formatCount(one.sequence)}`)
    return { tone: 'bad', sentence: `${plural(failed.length, 'projection')} failed: ${names.join(', ')}.` }
  }
  const stopped = Object.entries(reactions).find(([, one]) => one.state === 'stopped')
  if (stopped) return { tone: 'bad', sentence: `This build can't run the reaction ${stopped[0]}.` }
  const dead = Object.values(reactions).reduce((sum, one) => sum + one.dead, 0)
  if (dead) return { tone: 'careful', sentence: `Reactions have given up ${plural(dead, 'event')}.` }
  if (sync && sync.state !== 'online')
    return { tone: 'careful', sentence: `The remote: ${sync.state}. ${plural(sync.pending, 'command')} to send.` }
  if (sync?.rejected)
    return { tone: 'careful', sentence: `The shared log refused ${plural(sync.rejected, 'command')}.` }
  if (storage === 'memory')
    return { tone: 'careful', sentence: `${plural(sequence, 'event')}, in memory only: nothing is kept.` }
  if (sequence - projected > WORTH_A_WORD_EVENTS)
    return {
      tone: 'careful',
      sentence: `${plural(sequence - projected, 'event')} are not persisted in projections yet.`,
    }
  if (pending) return { tone: 'good', sentence: `Writing ${plural(pending, 'command')}.` }
  if (lastError) return { tone: 'careful', sentence: `It works. The last error was ${lastError.name}.` }
  const copy = mirror.state === 'on' ? ', with a second copy' : ''
  return { tone: 'good', sentence: `All is well: ${plural(sequence, 'event')}, kept as ${storage}${copy}.` }
}
