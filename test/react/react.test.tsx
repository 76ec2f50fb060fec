// @vitest-environment jsdom
import { act, Component, type ReactNode, StrictMode, startTransition, useLayoutEffect, useState } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { deepEqual, defineEvents, defineModel } from 'tidemark'
import { EngineProvider, useCommand, useEngine, useRead, useStatus, useUndo } from 'tidemark/react'
import { openTestEngine } from 'tidemark/testing'
import { type UndoStack, undoStack } from 'tidemark/tools'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { todoApp } from './app.ts'

type Engine = Awaited<ReturnType<typeof open>>
const open = () => openTestEngine(todoApp)

let engine: Engine
let root: Root
let page: HTMLElement
beforeEach(async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  engine = await open()
  await engine.dispatch.fill({ rows: 3 })
  page = document.body.appendChild(document.createElement('div'))
  root = createRoot(page)
})
afterEach(async () => {
  await act(() => root.unmount())
  page.remove()
  await engine.close()
  vi.unstubAllGlobals()
})
const render = (node: ReactNode) => act(() => root.render(node))

describe('useRead', () => {
  test('has its first value in the first render', async () => {
    const seen: number[] = []
    const Count = () => {
      seen.push(useRead(engine, (read) => read.count.value))
      return null
    }
    await render(<Count />)
    expect(seen).toEqual([3])
  })

  test('renders again only if the selected value changed', async () => {
    const renders = vi.fn()
    const Title = ({ id }: { id: string }) => {
      const title = useRead(engine, (read) => read.todos.get(id)?.title)
      renders(id, title)
      return <i>{title}</i>
    }
    await render([<Title key="0" id="0" />, <Title key="1" id="1" />])
    expect(renders.mock.calls).toEqual([
      ['0', 'title 0'],
      ['1', 'title 1'],
    ])
    renders.mockClear()
    await act(() => engine.dispatch.rename({ id: '1', title: 'other' }))
    expect(renders.mock.calls).toEqual([['1', 'other']])
    expect(page.textContent).toBe('title 0other')
    renders.mockClear()
    await act(() => engine.dispatch.toggle({ id: '1' }))
    expect(renders).not.toHaveBeenCalled()
  })

  test.each([
    ['an array', (read: Engine['read']) => read.todos.all().filter((todo) => todo.list < 2)],
    ['an object', (read: Engine['read']) => ({ first: read.todos.get('0'), size: read.todos.by('list', 0).length })],
    ['an object without a prototype', (read: Engine['read']) => ({ __proto__: null, first: read.todos.get('0') })],
  ])('an inline selector may build %s: it is kept while it is equal', async (_, select) => {
    const seen: unknown[] = []
    let again = (_: number) => {}
    const List = () => {
      again = useState(0)[1]
      seen.push(useRead(engine, (read) => select(read)))
      return null
    }
    await render(<List />)
    await act(() => engine.dispatch.rename({ id: '2', title: 'elsewhere' }))
    expect(seen.length).toBe(1)
    await act(() => again(1))
    expect(seen.length).toBe(2)
    expect(seen[1]).toBe(seen[0])
    await act(() => engine.dispatch.rename({ id: '0', title: 'here' }))
    expect(seen.length).toBe(3)
    expect(seen[2]).not.toBe(seen[0])
  })

  test('takes values that differ in kind, length or one member for unequal', async () => {
    const steps: unknown[] = [
      [],
      {},
      [1],
      [1, 2],
      [1],
      { 0: 1 },
      [1, 2],
      { a: 1 },
      { b: 1 },
      { a: undefined },
      { b: undefined },
    ]
    steps.push(null, undefined, 0, Number.NaN, new Map(), new Map(), '')
    let at = 0
    const seen: unknown[] = []
    const Value = () => {
      seen.push(useRead(engine, () => steps[at]))
      return null
    }
    await render(<Value />)
    for (at = 1; at < steps.length; at++) await act(() => engine.dispatch.toggle({ id: '0' }))
    expect(seen).toEqual(steps)
    expect(seen.every((value, i) => Object.is(value, steps[i]))).toBe(true)
  })

  test.each([
    ['deepEqual', deepEqual],
    ['an own function', (a: readonly object[], b: readonly object[]) => JSON.stringify(a) === JSON.stringify(b)],
    ['a function in an object', { equal: deepEqual }],
  ])('objects that a selector builds inside an array are compared by %s', async (_, equal) => {
    const renders = vi.fn()
    const List = () => {
      const titles = useRead(engine, (read) => read.todos.all().map(({ id, title }) => ({ id, title })), equal)
      renders(titles.map(({ title }) => title).join())
      return null
    }
    await render(<List />)
    await act(() => engine.dispatch.toggle({ id: '0' }))
    expect(renders.mock.calls).toEqual([['title 0,title 1,title 2']])
    await act(() => engine.dispatch.rename({ id: '0', title: 'other' }))
    expect(renders.mock.calls.slice(1)).toEqual([['other,title 1,title 2']])
  })

  test('renders a whole selected table again only if it changed', async () => {
    const renders = vi.fn()
    const Table = () => {
      const todos = useRead(engine, (read) => read.todos)
      const count = useRead(engine, (read) => read.count)
      renders(todos.get('0')?.done, count.value)
      return null
    }
    await render(<Table />)
    await act(() => engine.dispatch.toggle({ id: '0' }))
    expect(renders.mock.calls).toEqual([
      [false, 3],
      [true, 3],
    ])
  })

  test('runs a selector with new props in the same render', async () => {
    const Title = ({ id }: { id: string }) => <i>{useRead(engine, (read) => read.todos.get(id)?.title)}</i>
    await render(<Title id="0" />)
    await render(<Title id="2" />)
    expect(page.textContent).toBe('title 2')
  })

  test('runs a selector that is not inline once per change, not once per render', async () => {
    const select = vi.fn((read: Engine['read']) => read.count.value)
    let again = (_: number) => {}
    const Count = () => {
      again = useState(0)[1]
      return <b>{useRead(engine, select)}</b>
    }
    await render(<Count />)
    for (let i = 1; i < 5; i++) await act(() => again(i))
    expect(select).toHaveBeenCalledTimes(1)
  })

  test('reads another engine at once, and the first one no longer', async () => {
    const other = await open()
    await other.dispatch.fill({ rows: 1 })
    const select = (read: Engine['read']) => read.count.value
    const Count = ({ of }: { of: Engine }) => <b>{useRead(of, select)}</b>
    await render(<Count of={engine} />)
    await render(<Count of={other} />)
    expect(page.textContent).toBe('1')
    await act(() => engine.dispatch.fill({ rows: 1 }))
    expect(page.textContent).toBe('1')
    await act(() => other.dispatch.add({ id: 'x', title: '', list: 0 }))
    expect(page.textContent).toBe('2')
    await other.close()
  })

  test('throws in the component what a selector throws; the next change may recover', async () => {
    class Boundary extends Component<{ children: ReactNode }> {
      override state = { error: undefined as Error | undefined }
      static getDerivedStateFromError = (error: Error) => ({ error })
      override render() {
        const { error } = this.state
        return error ? (
          <button type="button" onClick={() => this.setState({ error: undefined })}>
            {error.message}
          </button>
        ) : (
          this.props.children
        )
      }
    }
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const Title = () => <i>{useRead(engine, (read) => read.todos.get('new')!.title)}</i>
    await render(
      <Boundary>
        <Title />
      </Boundary>,
    )
    expect(page.textContent).toMatch('title')
    await act(() => engine.dispatch.add({ id: 'new', title: 'healed', list: 0 }))
    await act(() => page.querySelector('button')!.click())
    expect(page.textContent).toBe('healed')
    vi.restoreAllMocks()
  })

  test('shows the same in StrictMode, which renders and mounts twice', async () => {
    const renders = vi.fn()
    const Count = () => {
      const values = useRead(engine, (read) => [read.count.value])
      renders(values)
      return <b>{values}</b>
    }
    await render(
      <StrictMode>
        <Count />
      </StrictMode>,
    )
    await act(() => engine.dispatch.add({ id: 'x', title: '', list: 0 }))
    expect(page.textContent).toBe('4')
    const [first, second] = [renders.mock.calls[0]![0], renders.mock.calls.at(-1)![0]]
    expect([first, second]).toEqual([[3], [4]])
    await act(() => engine.dispatch.toggle({ id: 'x' }))
    expect(renders.mock.calls.at(-1)![0]).toBe(second)
  })

  test('does not run the selector of an unmounted component', async () => {
    const select = vi.fn((read: Engine['read']) => read.count.value)
    const Count = () => <b>{useRead(engine, select)}</b>
    await render(<Count />)
    await render(null)
    select.mockClear()
    await act(() => engine.dispatch.add({ id: 'x', title: '', list: 0 }))
    expect(select).not.toHaveBeenCalled()
  })

  test('renders the first change of a tick synchronously, so a controlled input keeps its caret', async () => {
    const Input = () => {
      const title = useRead(engine, (read) => read.todos.get('0')!.title)
      return (
        <input value={title} onChange={({ target }) => void engine.dispatch.rename({ id: '0', title: target.value })} />
      )
    }
    await render(<Input />)
    const input = page.querySelector('input')!
    await act(() => {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!.call(input, 'tiXtle 0')
      input.setSelectionRange(3, 3)
      input.dispatchEvent(new Event('input', { bubbles: true }))
      expect(engine.read.todos.get('0')!.title).toBe('tiXtle 0')
    })
    expect([input.value, input.selectionStart]).toEqual(['tiXtle 0', 3])
  })

  test('does not tear: one render shows one state, even if a change arrives in the middle of it', async () => {
    vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', false)
    const shown: string[] = []
    let show = (_: boolean) => {}
    let began = () => {}
    const middle = new Promise<void>((resolve) => {
      began = resolve
    })
    const Slow = ({ n }: { n: number }) => {
      const count = useRead(engine, (read) => read.count.value)
      if (n === 2) began()
      for (const until = performance.now() + 12; performance.now() < until; );
      return <b>{count} </b>
    }
    const Page = () => {
      const [shows, set] = useState(false)
      show = set
      useLayoutEffect(() => {
        shown.push(page.textContent!)
      })
      return shows && [1, 2, 3, 4, 5].map((n) => <Slow key={n} n={n} />)
    }
    root.render(<Page />)
    await vi.waitFor(() => expect(shown).toEqual(['']))
    startTransition(() => show(true))
    await middle
    const added = engine.dispatch.add({ id: 'x', title: '', list: 0 })
    expect(page.textContent).toBe('')
    await added
    await vi.waitFor(() => expect(page.textContent).toBe('4 4 4 4 4 '))
    expect(new Set(shown.map((text) => new Set(text.trim().split(' ')).size))).toEqual(new Set([1]))
  })
})

describe('useStatus', () => {
  test('shows that a command is pending, and that it is not any more', async () => {
    const shown: number[] = []
    const Pending = () => {
      const { pending, state } = useStatus(engine)
      shown.push(pending)
      return <b>{state}</b>
    }
    await render(<Pending />)
    await act(() => engine.dispatch.add({ id: 'x', title: '', list: 0 }))
    expect(shown[0]).toBe(0)
    expect(shown).toContain(1)
    expect(shown.at(-1)).toBe(0)
    await act(() => engine.close())
    expect(page.textContent).toBe('closed')
  })
})

describe('server rendering', () => {
  const errors: unknown[] = []
  let hydrated: Root | undefined
  let served: HTMLElement
  const hydrate = async (html: string, node: ReactNode) => {
    served = document.body.appendChild(document.createElement('div'))
    served.innerHTML = html
    errors.length = 0
    vi.spyOn(console, 'error').mockImplementation((...line) => void errors.push(line))
    await act(() => {
      hydrated = hydrateRoot(served, node, { onRecoverableError: (error) => void errors.push(error) })
    })
  }
  afterEach(async () => {
    await act(() => hydrated?.unmount())
    served?.remove()
    vi.restoreAllMocks()
  })

  test('a page with stored rows hydrates what a server rendered from an empty log, and shows its rows at once', async () => {
    const empty = await open()
    const App = ({ of }: { of: Engine }) => {
      const titles = useRead(of, (read) => read.todos.all().map(({ title }) => title))
      const { sequence, storage } = useStatus(of)
      return <b>{`${sequence} ${storage} ${titles}`}</b>
    }
    const html = renderToString(<App of={empty} />)
    expect(html).toBe('<b>0 memory </b>')
    await hydrate(html, <App of={engine} />)
    expect(errors).toEqual([])
    expect(served.textContent).toBe('3 memory title 0,title 1,title 2')
    await empty.close()
  })

  test('a server with rows renders them, and the page hydrates with the same rows', async () => {
    const Count = ({ of, server }: { of: Engine; server: number }) => (
      <b>{useRead(of, (read) => read.count.value, { server })}</b>
    )
    const html = renderToString(<Count of={engine} server={engine.read.count.value} />)
    expect(html).toBe('<b>3</b>')
    const later = await open()
    await later.dispatch.fill({ rows: 5 })
    await hydrate(html, <Count of={later} server={3} />)
    expect(errors).toEqual([])
    expect(served.textContent).toBe('5')
    await later.close()
  })

  test('shows the status of an engine in memory with an empty log', async () => {
    const memory = await openTestEngine(todoApp, { storage: 'memory' })
    const State = () => <b>{JSON.stringify(useStatus(memory))}</b>
    const html = renderToString(<State />)
    expect(JSON.parse(html.replace(/<\/?b>/g, '').replaceAll('&quot;', '"'))).toEqual(memory.status)
    await memory.close()
  })
})

describe('EngineProvider', () => {
  const Count = () => <b>{useRead(useEngine(todoApp), (read) => read.count.value)}</b>

  test('gives components an engine, which a test can replace', async () => {
    const other = await open()
    await render(
      <EngineProvider engine={engine}>
        <Count />
        <EngineProvider engine={other}>
          <Count />
        </EngineProvider>
      </EngineProvider>,
    )
    expect(page.textContent).toBe('30')
    await act(() => other.dispatch.fill({ rows: 1 }))
    expect(page.textContent).toBe('31')
    await other.close()
  })

  test('is found although a provider of another model is nearer', async () => {
    const events = defineEvents({})
    const other = await openTestEngine(defineModel({ name: 'other', events, projections: {}, commands: {} }))
    await render(
      <EngineProvider engine={engine}>
        <EngineProvider engine={other}>
          <Count />
        </EngineProvider>
      </EngineProvider>,
    )
    expect(page.textContent).toBe('3')
    await other.close()
  })

  test('tells a component outside what to do', () => {
    expect(() => renderToString(<Count />)).toThrow('Wrap the app in <EngineProvider engine={engine}>.')
  })
})

describe('useCommand', () => {
  type Shown = Pick<ReturnType<typeof useCommand<any, any, any>>, 'pending' | 'error'>
  const shown: Shown[] = []
  let dispatch: (input: { id: string }) => Promise<unknown>
  const Toggle = ({ of = engine }: { of?: Engine }) => {
    const command = useCommand(of, 'toggle')
    dispatch = command.dispatch
    shown.push({ pending: command.pending, error: command.error })
    return null
  }
  beforeEach(() => {
    shown.length = 0
  })

  test('is pending until its events are durable, and returns the receipt', async () => {
    await render(<Toggle />)
    let sent: Promise<unknown> | undefined
    await act(() => {
      sent = dispatch({ id: '0' })
    })
    const given = await act(() => sent!)
    expect(given).toMatchObject({ sequence: 4, duplicate: false })
    expect(shown[0]).toEqual({ pending: false, error: undefined })
    expect(shown).toContainEqual({ pending: true, error: undefined })
    expect(shown.at(-1)).toEqual({ pending: false, error: undefined })
  })

  test('shows why a command failed until the next call, and does not reject', async () => {
    await render(<Toggle />)
    expect(await act(() => dispatch({ id: 'none' }))).toBeUndefined()
    expect(shown.at(-1)).toMatchObject({ pending: false, error: { name: 'CommandRejected', code: 'not found' } })
    await act(() => dispatch({ id: '0' }))
    expect(shown.at(-1)).toEqual({ pending: false, error: undefined })
  })

  test('is pending until the last of several calls is durable, and shows the outcome of the last', async () => {
    await render(<Toggle />)
    await act(() => Promise.all([dispatch({ id: 'none' }), dispatch({ id: '0' }), dispatch({ id: '1' })]))
    expect(shown.at(-1)).toEqual({ pending: false, error: undefined })
    await act(() => Promise.all([dispatch({ id: '0' }), dispatch({ id: 'none' })]))
    expect(shown.at(-1)).toMatchObject({ pending: false, error: { code: 'not found' } })
  })

  test('keeps its function, and forgets the answers of a former engine', async () => {
    const other = await open()
    await render(<Toggle />)
    const first = dispatch
    await act(() => dispatch({ id: 'none' }))
    expect(dispatch).toBe(first)
    await render(<Toggle of={other} />)
    expect(dispatch).not.toBe(first)
    expect(shown.at(-1)).toEqual({ pending: false, error: undefined })
    await other.close()
  })

  test('logs nothing if its component unmounts while a command is pending', async () => {
    const error = vi.spyOn(console, 'error')
    await render(
      <StrictMode>
        <Toggle />
      </StrictMode>,
    )
    let sent: Promise<unknown> | undefined
    await act(() => {
      sent = dispatch({ id: '0' })
      root.render(null)
    })
    await act(() => sent!)
    expect(error).not.toHaveBeenCalled()
  })
})

test('useUndo renders again if `canUndo` or `canRedo` changed', async () => {
  const stack = undoStack(engine, {
    toggle: ({ input: { id } }) => todoApp.events.toggled({ id }),
  })
  let use: ReturnType<typeof useUndo<typeof stack extends UndoStack<infer E> ? E : never>>
  const shown: string[] = []
  const Undo = () => {
    use = useUndo(stack)
    shown.push(`${use.canUndo} ${use.canRedo}`)
    return null
  }
  await render(<Undo />)
  await act(() => engine.dispatch.toggle({ id: '0' }))
  await act(async () => void (await use.undo()))
  expect(engine.read.todos.get('0')?.done).toBe(false)
  await act(async () => void (await use.redo()))
  expect(shown).toEqual(['false false', 'true false', 'false true', 'true false'])
  stack.close()
})
