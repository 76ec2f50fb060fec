import { html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { EngineOf } from 'tidemark'
import { ReadController, StatusController } from 'tidemark/lit'
import type { notesApp } from './notes.ts'

export class NotesElement extends LitElement {
  static override properties = { engine: { attribute: false }, search: { state: true } }
  declare engine: EngineOf<typeof notesApp>
  declare search: string

  // `search` is a reactive property, so the notes also update when it changes.
  readonly #notes = new ReadController(
    this,
    () => this.engine,
    (read) => read.notes.all().filter(({ text }) => text.includes(this.search)),
  )
  readonly #status = new StatusController(this, () => this.engine)

  constructor() {
    super()
    this.search = ''
  }

  protected override createRenderRoot(): this {
    return this
  }

  #write(submitted: SubmitEvent): void {
    submitted.preventDefault()
    const form = submitted.currentTarget as HTMLFormElement
    this.engine.dispatch.write({ text: String(new FormData(form).get('text')).trim() })
    form.reset()
  }

  override render() {
    return html`
      <main>
        <h1>Notes</h1>
        <form @submit=${this.#write}>
          <label>Note <input name="text" required autocomplete="off" /></label>
          <button type="submit">Write</button>
        </form>
        <label>
          Search
          <input type="search" @input=${({ target }: InputEvent) => (this.search = (target as HTMLInputElement).value)} />
        </label>
        <ul>
          ${repeat(
            this.#notes.value,
            ({ id }) => id,
            ({ id, text }) => html`
              <li>
                ${text}
                <button
                  type="button"
                  @click=${() => this.engine.dispatch.change({ id, text: text.toUpperCase() })}
                  aria-label=${`Louder: ${text}`}
                >
                  Louder
                </button>
              </li>
            `,
          )}
        </ul>
        <p role="status">${this.#status.value.pending ? 'Saving' : 'Saved'}</p>
      </main>
    `
  }
}
