import { CorruptLog, EngineClosed, type Status } from 'tidemark'
import { describe, expect, it } from 'vitest'
import { describeStatus } from '../../demo/ui/describeStatus.ts'

const calm: Status = {
  state: 'ready',
  sequence: 12,
  projected: 12,
  pending: 0,
  worker: 'shared',
  storage: 'best-effort',
  projections: { todos: { state: 'ready', sequence: 12 } },
  reactions: {},
  mirror: { state: 'off', sequence: 0 },
}
const says = (status: Partial<Status>) => describeStatus({ ...calm, ...status })

describe('the status sentence', () => {
  it('says that all is well if log and snapshot agree', () => {
    expect(says({})).toMatchObject({ tone: 'good', sentence: expect.stringMatching('up-to-date snapshot') })
  })

  it('names pending work', () => {
    expect(says({ pending: 1 }).sentence).toBe('1 change shown here, not saved yet.')
    expect(says({ projected: 2 }).sentence).toMatch('10 events behind')
    expect(says({ worker: 'none' }).sentence).toMatch('not answered yet')
    expect(says({ worker: 'in-page' }).sentence).toMatch('this tab keeps the snapshot itself')
    const progress = { phase: 'rebuild', done: 1, total: 4 } as const
    expect(says({ projections: { todos: { state: 'building', sequence: 0, progress } } }).sentence).toMatch('25 % done')
  })

  it('never hides a problem behind a sentence that says all is well', () => {
    expect(says({ storage: 'memory', pending: 1 })).toMatchObject({
      tone: 'careful',
      sentence: expect.stringMatching('gone'),
    })
    expect(says({ state: 'outdated' }).tone).toBe('bad')
    expect(says({ state: 'failed', storage: 'memory' }).tone).toBe('bad')
    expect(says({ state: 'closed' }).tone).toBe('bad')
    expect(says({ state: 'closed', lastError: new EngineClosed('log replaced') }).sentence).toBe(
      'The log of this tab was deleted or replaced by another one. Reload to open the present log.',
    )
    expect(says({ state: 'failed', lastError: new CorruptLog(5) }).sentence).toMatch('is damaged at event 5.')
    expect(says({ lastError: new Error('disk full') }).sentence).toMatch('disk full')
    expect(says({ restored: { sequence: 9, at: 0 } }).sentence).toMatch('restored up to event 9')
    // A problem from days ago is not shown.
    expect(describeStatus({ ...calm, restored: { sequence: 9, at: 5 } }, 6).tone).toBe('good')
    expect(says({ projections: { todos: { state: 'failed', sequence: 3 } } }).sentence).toBe(
      '“todos” stopped at event 3; the rest keeps working.',
    )
  })
})
