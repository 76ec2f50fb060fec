import type { AnyRecorded } from 'tidemark'
import { describeData } from '../ui/describeChange.ts'
import { count, plural } from '../ui/format.ts'
import { element } from './element.ts'
import type { TodoEngine } from './panel.ts'

/** The number of newest events that are listed. */
export const LISTED = 24

type Recorded = TodoEngine extends { readonly events: (...args: any) => AsyncIterable<infer R> } ? R : AnyRecorded<any>

export interface LogView {
  readonly element: HTMLElement
  add(event: Recorded): void
  /** Puts the tide mark above the last event in the snapshot. */
  markAt(projected: number): void
  /** Marks the event after which the rows are shown; `undefined`: the present rows. */
  choose(sequence: number | undefined): void
}

/** Lists the newest events, the newest first. Events that are not in the snapshot yet are above the tide mark. */
export function createLogView(onChoose: (sequence: number) => void): LogView {
  const list = element('ol', { className: 'live-events', reversed: true })
  const mark = element(
    'li',
    { className: 'live-mark' },
    element('span', {}, 'tide mark: the snapshot has all events below'),
  )
  const older = element('p', { className: 'live-older' })
  const lines = new Map<number, HTMLElement>()
  list.append(mark)
  let projected = 0

  const place = (): void => {
    const below = [...lines].find(([sequence]) => sequence <= projected)
    if (below) below[1].before(mark)
    else list.append(mark)
    mark.hidden = projected === 0
    for (const [sequence, line] of lines) line.toggleAttribute('data-tail', sequence > projected)
  }
  return {
    element: element('div', {}, list, older),
    add({ sequence, type, data }) {
      const button = element(
        'button',
        { type: 'button', className: 'live-event', title: `Show the rows after event ${count(sequence)}` },
        element('span', { className: 'live-sequence' }, count(sequence)),
        element('strong', {}, type),
        element('span', { className: 'live-data' }, describeData(data)),
      )
      button.addEventListener('click', () => onChoose(sequence))
      const line = element('li', {}, button)
      list.prepend(line)
      const others = [...lines]
      lines.clear()
      lines.set(sequence, line)
      for (const [sequence, line] of others)
        if (lines.size < LISTED) lines.set(sequence, line)
        else line.remove()
      const last = [...lines.keys()].at(-1) ?? 1
      older.textContent = last > 1 ? `and ${plural(last - 1, 'older event')}` : ''
      place()
    },
    markAt(sequence) {
      projected = sequence
      place()
    },
    choose(chosen) {
      for (const [sequence, line] of lines)
        line.firstElementChild?.setAttribute('aria-pressed', String(sequence === chosen))
      list.toggleAttribute('data-past', chosen !== undefined)
    },
  }
}
