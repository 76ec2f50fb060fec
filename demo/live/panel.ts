import { describeError } from '../ui/describeError.ts'
import { devtoolsFailure, offerDevtools, openDevtools } from '../ui/devtools.ts'
import { milliseconds, plural } from '../ui/format.ts'
import { element } from './element.ts'
import { openTodos } from './engine.ts'
import { createLogView, LISTED } from './logView.ts'
import { createRowsView } from './rowsView.ts'

export type TodoEngine = Awaited<ReturnType<typeof openTodos>>

/** Opens the log and shows its newest events beside its rows, in `place`. */
export async function showPanel(place: HTMLElement): Promise<void> {
  const started = performance.now()
  try {
    const engine = await openTodos()
    const opened = describeBoot(engine, performance.now() - started)
    await addFirstTodos(engine)
    offerDevtools(engine)
    place.replaceChildren(...createPanel(engine, opened))
  } catch (error) {
    place.replaceChildren(element('p', { className: 'live-note' }, `The log did not open: ${describeError(error)}.`))
  }
}

function describeBoot({ status: { sequence, projected } }: TodoEngine, ms: number): string {
  if (sequence === 0) return 'This is your first visit: the log began with three events. Add one.'
  const from = projected ? `the snapshot at event ${projected}` : 'no snapshot'
  const tail = sequence - projected
  return `Opened in ${milliseconds(ms)}, from ${from}${tail ? ` and ${plural(tail, 'event')} after it` : ' alone'}.`
}

/** Two tabs may both find an empty log. The command ids make sure that it gets these todos once. */
async function addFirstTodos({ status, dispatch }: TodoEngine): Promise<void> {
  if (status.sequence > 0) return
  const { events } = await dispatch.add({ title: 'Read the log' }, { commandId: 'first-1' })
  await dispatch.add({ title: 'Tick me and watch the log' }, { commandId: 'first-2' })
  const [first] = events
  if (first?.type === 'todoAdded') await dispatch.toggle({ id: first.data.id }, { commandId: 'first-3' })
}

function createPanel(engine: TodoEngine, opened: string): readonly HTMLElement[] {
  const note = element('p', { className: 'live-note', role: 'status' }, opened)
  const back = element('button', { type: 'button', className: 'button live-back', hidden: true }, 'Back to now')
  let leave: AbortController | undefined

  const showNow = (): void => {
    leave?.abort()
    leave = undefined
    back.hidden = true
    log.choose(undefined)
    note.textContent = ''
    rows.show(engine.read.todos.all(), false)
  }
  const showPast = async (sequence: number): Promise<void> => {
    leave?.abort()
    const leaving = new AbortController()
    leave = leaving
    log.choose(sequence)
    try {
      const { at } = await import('./past.ts')
      const past = await at(engine, sequence, { signal: leaving.signal })
      if (leaving.signal.aborted) return
      rows.show(past.read.todos.all(), true)
      back.hidden = false
      note.textContent = `These are the rows as they were after event ${sequence}.`
    } catch (error) {
      if (!leaving.signal.aborted) note.textContent = `The past could not be read: ${describeError(error)}.`
    }
  }
  back.addEventListener('click', showNow)
  const devtools = element(
    'button',
    { type: 'button', className: 'status-devtools', title: 'Ctrl+Shift+D' },
    'Devtools',
  )
  devtools.addEventListener('click', () => openDevtools())
  devtoolsFailure.subscribe(() => {
    note.textContent = devtoolsFailure.get()?.sentence ?? ''
  })

  const run = (command: Promise<unknown>): void => {
    showNow()
    command.catch((error) => {
      note.textContent = `The change was not saved and has been undone: ${describeError(error)}.`
    })
  }
  const log = createLogView(showPast)
  const rows = createRowsView({
    toggle: (id) => run(engine.dispatch.toggle({ id })),
    remove: (id) => run(engine.dispatch.remove({ id })),
  })

  const update = (): void => {
    if (!leave) rows.show(engine.read.todos.all(), false)
    log.markAt(engine.status.projected)
  }
  engine.subscribe(update)
  update()
  listEvents(engine, log.add)

  return [
    createForm((title) => run(engine.dispatch.add({ title }))),
    element(
      'div',
      { className: 'live-columns' },
      column('The log', 'what is stored', log.element),
      column('The rows', 'what your components read', rows.element),
    ),
    element('div', { className: 'live-said' }, note, back, devtools),
  ]
}

async function listEvents(engine: TodoEngine, add: ReturnType<typeof createLogView>['add']): Promise<void> {
  const after = Math.max(0, engine.status.sequence - LISTED)
  for await (const event of engine.events({ after })) add(event)
}

function createForm(onAdd: (title: string) => void): HTMLElement {
  const input = element('input', {
    className: 'live-input',
    type: 'text',
    placeholder: 'What needs to be done?',
    ariaLabel: 'What needs to be done?',
    autocomplete: 'off',
    maxLength: 200,
  })
  const form = element(
    'form',
    { className: 'live-form' },
    input,
    element('button', { className: 'button button-main' }, 'Add'),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const title = input.value.trim()
    input.value = ''
    if (title) onAdd(title)
  })
  return form
}

const column = (title: string, about: string, content: HTMLElement): HTMLElement =>
  element('section', {}, element('h3', {}, title, ' ', element('span', {}, about)), content)
