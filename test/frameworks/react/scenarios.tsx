import { memo } from 'react'
import { createRoot } from 'react-dom/client'
import { useRead } from 'tidemark/react'
import type { RowsEngine } from '../scenarios/model.ts'
import { counted, rendered } from '../scenarios/probe.ts'
import { createScenarios } from '../scenarios/scenarios.ts'

const Row = memo(({ engine, id }: { engine: RowsEngine; id: string }) => {
  const row = useRead(
    engine,
    counted(`row ${id}`, (read) => read.rows.get(id)),
  )
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

window.scenarios = createScenarios({
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
