import { html, LitElement } from 'lit'
import { ReadController, StatusController } from 'tidemark/lit'
import type { RowsEngine } from '../scenarios/model.ts'

/** An element that renders without an engine first, on the server and in the browser, so that both give the same HTML. */
export class HydratedPage extends LitElement {
  static override properties = { engine: { attribute: false } }
  declare engine: RowsEngine | undefined
  readonly #rows = new ReadController(
    this,
    () => this.engine as RowsEngine,
    (read) => read.rows.all(),
  )
  readonly #status = new StatusController(this, () => this.engine as RowsEngine)

  override render() {
    const rows = this.engine ? this.#rows.value : []
    return html`<p data-sequence>${this.engine ? this.#status.value.sequence : 0}</p>
      <ul>${rows.map(({ title }) => html`<li>${title}</li>`)}</ul>`
  }
}
