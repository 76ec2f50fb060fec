import { html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { DraftController, ReadController, StatusController } from 'tidemark/lit'
import { lineOf, type RowsEngine } from '../scenarios/model.ts'
import { counted, rendered } from '../scenarios/probe.ts'
import { createScenarios } from '../scenarios/scenarios.ts'

type Read = RowsEngine['read']

class RowElement extends LitElement {
  static override properties = { engine: { attribute: false }, rowId: { attribute: false } }
  declare engine: RowsEngine
  declare rowId: string
  readonly #row = new ReadController(
    this,
    () => this.engine,
    (read: Read) => counted(`row ${this.rowId}`, (read: Read) => read.rows.get(this.rowId))(read),
  )

  protected override createRenderRoot() {
    return this
  }
  override render() {
    return html`<span data-row=${this.rowId}>${rendered(this.#row.value?.title)}</span>`
  }
}
customElements.define('a-row', RowElement)

class ListElement extends LitElement {
  static override properties = { engine: { attribute: false } }
  declare engine: RowsEngine
  readonly #ids = new ReadController(
    this,
    () => this.engine,
    counted('list', (read: Read) => read.rows.all().map(({ id }) => id)),
  )

  protected override createRenderRoot() {
    return this
  }
  override render() {
    return repeat(
      rendered(this.#ids.value),
      (id) => id,
      (id) => html`<a-row .engine=${this.engine} .rowId=${id}></a-row>`,
    )
  }
}
customElements.define('a-list', ListElement)

class DraftElement extends LitElement {
  static override properties = { engine: { attribute: false }, draftId: { attribute: false } }
  declare engine: RowsEngine
  declare draftId: string
  readonly #draft = new DraftController(
    this,
    () => this.engine.drafts.title,
    () => this.draftId,
  )
  readonly #rows = new ReadController(
    this,
    () => this.engine,
    counted('draft', (read: Read) => read.rows.size),
  )

  protected override createRenderRoot() {
    return this
  }
  override render() {
    return html`<p data-draft=${this.#rows.value}>${this.#draft.value?.text ?? 'none'}</p>`
  }
}
customElements.define('a-draft', DraftElement)

class StatusElement extends LitElement {
  static override properties = { engine: { attribute: false } }
  declare engine: RowsEngine
  readonly #status = new StatusController(this, () => this.engine)

  protected override createRenderRoot() {
    return this
  }
  override render() {
    return html`<p data-status>${lineOf(this.#status.value)}</p>`
  }
}
customElements.define('a-status', StatusElement)

window.scenarios = createScenarios({
  mountStatus(page, engine) {
    const line = document.createElement('a-status') as StatusElement
    line.engine = engine
    page.append(line)
    return () => line.remove()
  },
  mountDraft(page, engine, id) {
    const draft = document.createElement('a-draft') as DraftElement
    Object.assign(draft, { engine, draftId: id })
    page.append(draft)
    return {
      show(other) {
        draft.draftId = other
      },
      unmount: () => draft.remove(),
    }
  },
  mountRow(page, engine, id) {
    const row = document.createElement('a-row') as RowElement
    Object.assign(row, { engine, rowId: id })
    page.append(row)
    return {
      show(other) {
        row.rowId = other
      },
      unmount: () => row.remove(),
    }
  },
  mount(page, engine) {
    const list = document.createElement('a-list') as ListElement
    list.engine = engine
    page.append(list)
    return {
      swap(other) {
        list.engine = other
      },
      unmount: () => list.remove(),
    }
  },
})
