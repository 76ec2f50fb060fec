import { memo, useMemo } from 'react'
import { createRoot } from 'react-dom/client'
import { useDraft, useRead, useStatus } from 'tidemark/react'
import { lineOf, type RowsEngine } from '../scenarios/model.ts'
import { counted, rendered } from '../scenarios/probe.ts'
import { createScenarios } from '../scenarios/scenarios.ts'

const Row = memo(({ engine, id }: { engine: RowsEngine; id: string }) => {
  // The function is the same in each render. React's compiler does this for an inline function.
  const select = useMemo(() => counted(`row ${id}`, (read: RowsEngine['read']) => read.rows.get(id)), [id])
  const row = useRead(engine, select)
  return <li data-row={id}>{rendered(row?.title)}</li>
})

const List = ({ engine }: { engine: RowsEngine }) => {
  const ids = useRead(
    engine,
    counted('list', (read) => read.rows.all().map(({ id }) => id)),
  )
  return (
    <ul>
      {rendered(ids).map((id) => (
        <Row key={id} engine={engine} id={id} />
      ))}
    </ul>
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
    const root = createRoot(target)
    root.render(<Line engine={engine} />)
    return () => {
      root.unmount()
      target.remove()
    }
  },
  mountRow(page, engine, id) {
    const target = page.appendChild(document.createElement('div'))
    const root = createRoot(target)
    const show = (id: string) => root.render(<Row engine={engine} id={id} />)
    show(id)
    return {
      show,
      unmount() {
        root.unmount()
        target.remove()
      },
    }
  },
  mountDraft(page, engine, id) {
    const target = page.appendChild(document.createElement('div'))
    const root = createRoot(target)
    const show = (id: string) => root.render(<Draft engine={engine} id={id} />)
    show(id)
    return {
      show,
      unmount() {
        root.unmount()
        target.remove()
      },
    }
  },
  mount(page, engine) {
    const target = page.appendChild(document.createElement('div'))
    const root = createRoot(target)
    root.render(<List engine={engine} />)
    return {
      swap: (engine) => root.render(<List engine={engine} />),
      unmount() {
        root.unmount()
        target.remove()
      },
    }
  },
})
