/** @jsxImportSource preact */
import { render } from 'preact'
import { useMemo } from 'preact/hooks'
import { useDraft, useRead, useStatus } from 'tidemark/preact'
import { lineOf, type RowsEngine } from '../scenarios/model.ts'
import { counted, rendered } from '../scenarios/probe.ts'
import { createScenarios } from '../scenarios/scenarios.ts'

const Row = ({ engine, id }: { engine: RowsEngine; id: string }) => {
  const select = useMemo(() => counted(`row ${id}`, (read: RowsEngine['read']) => read.rows.get(id)), [id])
  const row = useRead(engine, select)
  return <li data-row={id}>{rendered(row?.title)}</li>
}

const List = ({ engine }: { engine: RowsEngine }) => {
  const ids = useRead(
    engine,
    counted('list', (read) => read.rows.all().map(({ id }) => id)),
  )
  rendered(ids)
  // Preact has no `memo`, but it does not render the same element again.
  return useMemo(
    () => (
      <ul>
        {ids.map((id) => (
          <Row key={id} engine={engine} id={id} />
        ))}
      </ul>
    ),
    [engine, ids],
  )
}

const Draft = ({ engine, id }: { engine: RowsEngine; id: string }) => {
  const draft = useDraft(engine.drafts.title, id)
  useRead(
    engine,
    useMemo(() => counted('draft', (read: RowsEngine['read']) => read.rows.size), []),
  )
  return <p data-draft>{draft?.text ?? 'none'}</p>
}

const Line = ({ engine }: { engine: RowsEngine }) => <p data-status>{lineOf(useStatus(engine))}</p>

window.scenarios = createScenarios({
  mountStatus(page, engine) {
    const target = page.appendChild(document.createElement('div'))
    render(<Line engine={engine} />, target)
    return () => {
      render(null, target)
      target.remove()
    }
  },
  mountRow(page, engine, id) {
    const target = page.appendChild(document.createElement('div'))
    const show = (id: string) => render(<Row engine={engine} id={id} />, target)
    show(id)
    return {
      show,
      unmount() {
        render(null, target)
        target.remove()
      },
    }
  },
  mountDraft(page, engine, id) {
    const target = page.appendChild(document.createElement('div'))
    const show = (id: string) => render(<Draft engine={engine} id={id} />, target)
    show(id)
    return {
      show,
      unmount() {
        render(null, target)
        target.remove()
      },
    }
  },
  mount(page, engine) {
    const target = page.appendChild(document.createElement('div'))
    render(<List engine={engine} />, target)
    return {
      swap: (engine) => render(<List engine={engine} />, target),
      unmount() {
        render(null, target)
        target.remove()
      },
    }
  },
})
