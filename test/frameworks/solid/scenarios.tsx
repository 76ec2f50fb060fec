/** @jsxImportSource solid-js */
import { type Accessor, createSignal, For } from 'solid-js'
import { render } from 'solid-js/web'
import { createDraft, createRead, createStatus } from 'tidemark/solid'
import { lineOf, type RowsEngine } from '../scenarios/model.ts'
import { counted, rendered } from '../scenarios/probe.ts'
import { createScenarios } from '../scenarios/scenarios.ts'

const Row = (props: { engine: Accessor<RowsEngine>; id: string }) => {
  const row = createRead(
    props.engine,
    counted(`row ${props.id}`, (read) => read.rows.get(props.id)),
  )
  return <li data-row={props.id}>{rendered(row()?.title)}</li>
}

const List = (props: { engine: Accessor<RowsEngine> }) => {
  const ids = createRead(
    props.engine,
    counted('list', (read) => read.rows.all().map(({ id }) => id)),
  )
  return (
    <ul>
      <For each={rendered(ids())}>{(id) => <Row engine={props.engine} id={id} />}</For>
    </ul>
  )
}

const Draft = (props: { engine: RowsEngine; id: string }) => {
  const draft = createDraft(props.engine.drafts.title, () => props.id)
  const rows = createRead(
    props.engine,
    counted('draft', (read) => read.rows.size),
  )
  return <p data-draft={rows()}>{draft()?.text ?? 'none'}</p>
}

const Line = (props: { engine: RowsEngine }) => {
  const status = createStatus(props.engine)
  return <p data-status>{lineOf(status())}</p>
}

window.scenarios = createScenarios({
  mountStatus(page, engine) {
    const target = page.appendChild(document.createElement('div'))
    const dispose = render(() => <Line engine={engine} />, target)
    return () => {
      dispose()
      target.remove()
    }
  },
  mountRow(page, engine, first) {
    const target = page.appendChild(document.createElement('div'))
    const [id, show] = createSignal(first)
    const dispose = render(() => <Row engine={() => engine} id={id()} />, target)
    return {
      show,
      unmount() {
        dispose()
        target.remove()
      },
    }
  },
  mountDraft(page, engine, first) {
    const target = page.appendChild(document.createElement('div'))
    const [id, show] = createSignal(first)
    const dispose = render(() => <Draft engine={engine} id={id()} />, target)
    return {
      show,
      unmount() {
        dispose()
        target.remove()
      },
    }
  },
  mount(page, first) {
    const target = page.appendChild(document.createElement('div'))
    const [engine, swap] = createSignal(first)
    const dispose = render(() => <List engine={engine} />, target)
    return {
      swap,
      unmount() {
        dispose()
        target.remove()
      },
    }
  },
})
