import { html, nothing, type TemplateResult } from 'lit'
import type { Key } from '../data.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { difference, eventLink } from './changes.ts'
import { keyText, line, plural, time } from './format.ts'
import type { List } from './list.ts'
import { Panel } from './panel.ts'
import { andMore, details, errorLine, headedRows, quietLine } from './parts.ts'
import { createRareRead } from './rareRead.ts'
import { type ListedRow, listRows, ROWS_LISTED_MAX } from './rowList.ts'
import type { RowStep } from './rowSteps.ts'
import type { PanelPlace } from './session.ts'
import { toolsPart } from './toolsPart.ts'

/** Milliseconds between two reads of a table that keeps changing. */
const READ_ROWS_MS = 1000
/** The most events of one row that its history keeps. */
const STEPS_MAX = 10_000
/** The most events of a row's history that are listed. */
const STEPS_LISTED = 200

/** Shows every projection, its rows, and the events that made each row. */
export class RowsPanel extends Panel {
  #projection = ''
  #text = ''
  #rows: readonly ListedRow[] = []
  #failure: unknown
  #reading: AbortController | undefined
  readonly #readings = createRareRead(READ_ROWS_MS, () => this.#read())
  #selected: ListedRow | undefined
  #steps: readonly RowStep[] | undefined
  #history: AbortController | undefined
  #historyOf = ''
  #stepsFailure: unknown

  get #names(): readonly string[] {
    return Object.keys(this.session.core.model.projections)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#readings.stop()
    this.#reading?.abort()
    this.#history?.abort()
  }

  protected override sent({ projection, key }: PanelPlace): void {
    if (projection !== undefined && projection !== this.#projection) this.#choose(projection)
    if (key === undefined) return
    this.#text = ''
    void this.#select(key)
    void this.#read().then(() => this.#reveal(key))
  }

  #reveal(key: Key): void {
    const index = this.#rows.findIndex((row) => row.key === key)
    const list: List | null = this.renderRoot.querySelector<List>('tidemark-list')
    if (index >= 0) list?.reveal(index)
  }

  protected override changed(): void {
    if (!this.#projection) this.#choose(this.#names[0] ?? '')
    const { view, definition } = this.#fold ?? {}
    if (definition?.into.resident !== false) this.#readings.readIfChanged(view)
  }

  get #fold() {
    return this.session.core.projections.find(({ name }) => name === this.#projection)
  }

  #choose(projection: string): void {
    this.#projection = projection
    this.#rows = []
    this.#selected = undefined
    this.#text = ''
    void this.#readings.again(this.#fold?.view)
  }

  async #read(): Promise<void> {
    const fold = this.#fold
    this.#reading?.abort()
    const reading = new AbortController()
    this.#reading = reading
    if (!fold) return
    this.#failure = undefined
    try {
      const rows =
        fold.definition.into.resident === false
          ? await (await toolsPart.load()).diskRows(this.session, this.#projection, this.#text)
          : await listRows(fold, this.#text, reading.signal)
      if (reading.signal.aborted) return
      this.#rows = rows
      const { key } = this.#selected ?? {}
      const now = key === undefined ? undefined : rows.find((row) => row.key === key)
      if (now && now.row !== this.#selected?.row) void this.#select(now.key)
    } catch (error) {
      if (reading.signal.aborted) return
      this.#rows = []
      this.#failure = error
    }
    this.requestUpdate()
  }

  async #select(key: Key): Promise<void> {
    const { engine, core } = this.session
    const table = this.#projection
    const definition = core.model.projections[table]
    const slot = this.#rows.find((row) => row.key === key)
    // Only a table has `get`. A value does not.
    const live = (engine.read[table] as { get?(key: Key): unknown } | undefined)?.get?.(key)
    this.#selected = { key, row: slot?.row ?? live }
    this.requestUpdate()
    this.#history?.abort()
    if (definition?.into.kind !== 'table') {
      this.#steps = undefined
      return
    }
    const id = JSON.stringify([table, key])
    if (id !== this.#historyOf) this.#steps = undefined
    this.#historyOf = id
    this.#stepsFailure = undefined
    const history = new AbortController()
    this.#history = history
    const events: AnyRecordedEvent[] = []
    let steps: readonly RowStep[] | undefined
    let failure: unknown
    try {
      // The panel does not know the types of the model.
      for await (const event of engine.history({ table: table as never, key, signal: history.signal })) {
        // The panel does not know the types of the model.
        events.push(event as AnyRecordedEvent)
        if (events.length >= STEPS_MAX) break
      }
    } catch (error) {
      // The events before a damaged record are still listed.
      failure = error
    }
    try {
      const { rowSteps } = await toolsPart.load()
      steps = await rowSteps(core, table, key, events)
    } catch (error) {
      failure ??= error
    }
    if (history.signal.aborted) return
    this.#steps = steps
    this.#stepsFailure = failure
    this.requestUpdate()
  }

  protected override render(): TemplateResult {
    const into = this.#fold?.definition.into
    const isValue = into?.kind === 'value'
    const searched = (event: Event): void => {
      // Only the field has this listener.
      this.#text = (event.target as HTMLInputElement).value
      void this.#read()
    }
    // Only the list has this listener.
    const chosen = (event: Event): void => this.#choose((event.target as HTMLSelectElement).value)
    const index = this.#selected ? this.#rows.findIndex(({ key }) => key === this.#selected?.key) : -1
    return html`<div class="bar">
        <select aria-label="Projection" @change=${chosen}>
          ${this.#names.map((name) => html`<option .value=${name} ?selected=${name === this.#projection}>${name}</option>`)}
        </select>
        ${
          isValue
            ? nothing
            : html`<input class="grow" type="search" aria-label="Search the rows" placeholder=${into?.resident === false ? 'the key of a row' : 'key or text'} .value=${this.#text} @change=${searched} @search=${searched}>`
        }
        <span class="quiet" role="status">${this.#tally()}</span>
      </div>
      ${
        isValue
          ? html`<div class="page"><tidemark-tree .value=${this.#rows[0]?.row}></tidemark-tree></div>`
          : html`<div class="split">
        ${
          this.#rows.length
            ? html`<tidemark-list
          .count=${this.#rows.length}
          .selected=${index < 0 ? undefined : index}
          .label=${`Rows of ${this.#projection}`}
          .item=${(at: number) => this.#row(at)}
          @pick=${({ detail }: CustomEvent<number>) => this.#picked(detail)}
        ></tidemark-list>`
            : html`<div class="page quiet">${this.#failure ? errorLine(this.#failure) : 'No rows.'}</div>`
        }
        ${this.#selected ? this.#detail(this.#selected) : nothing}
      </div>`
      }`
  }

  #tally(): string {
    const into = this.#fold?.definition.into
    if (into?.kind === 'value') return 'a value'
    const listed = plural(this.#rows.length, 'row')
    if (into?.resident === false) return `${listed}, on disk`
    return this.#rows.length >= ROWS_LISTED_MAX ? `the first ${listed}` : listed
  }

  #picked(index: number): void {
    const row = this.#rows[index]
    if (row) void this.#select(row.key)
  }

  #row(index: number): { content: TemplateResult } {
    const { key, row } = this.#rows[index] ?? { key: '', row: undefined }
    return {
      content: html`<span class="mono cut">${keyText(key)}</span><span class="mono quiet fill">${line(row)}</span>`,
    }
  }

  #detail({ key, row }: ListedRow): TemplateResult {
    const close = (): void => {
      this.#selected = undefined
      this.#history?.abort()
      this.requestUpdate()
    }
    return details(
      `Row ${key}`,
      html`<span class="mono">${this.#projection}/${keyText(key)}</span>`,
      close,
      html`${row === undefined ? quietLine('There is no such row now.') : html`<tidemark-tree .value=${row}></tidemark-tree>`}
      <h3>What made it</h3>
      ${this.#stepsFailure ? errorLine(this.#stepsFailure) : nothing}
      ${this.#steps ? this.#listSteps(this.#steps) : this.#stepsFailure ? nothing : quietLine('Reading its events …')}`,
    )
  }

  #listSteps(steps: readonly RowStep[]): TemplateResult | typeof nothing {
    if (!steps.length) return this.#stepsFailure ? nothing : quietLine('No event in the log made this row.')
    const rows = [...steps]
      .reverse()
      .slice(0, STEPS_LISTED)
      .map(
        ({ event, before, after, error }) =>
          [
            html`${eventLink(this.session, event.sequence, `${event.type} ${event.sequence}`)}<div class="quiet">${time(event.at)}</div>`,
            error ? errorLine(error) : difference(before, after),
          ] as const,
      )
    return html`${headedRows('Events of this row, newest first', rows)}${andMore(steps.length - STEPS_LISTED)}`
  }
}
