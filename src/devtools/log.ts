import { html, type TemplateResult } from 'lit'
import { headOf } from '../log/head.ts'
import { createEventDetail, type EventDetail } from './eventDetail.ts'
import { parseFilter } from './filter.ts'
import { describeError, formatCount, hueOf, line, plural, time } from './format.ts'
import type { List } from './list.ts'
import { createLogEntries, type LogEntries } from './logEntries.ts'
import type { LogEntry } from './logRecord.ts'
import { createLogSearch, type LogSearch } from './logSearch.ts'
import { Panel } from './panel.ts'
import type { PanelPlace } from './session.ts'

/** The log, newest first. */
export class LogPanel extends Panel {
  #entries: LogEntries | undefined
  #line = ''
  #head = 0
  /** The end of the log up to which events are read for the next update. */
  #prepared: number | undefined
  #forgetPreparation: (() => void) | undefined
  #detail: EventDetail | undefined
  /** The matches of the filter. */
  #search: LogSearch | undefined

  get #log(): LogEntries {
    this.#entries ??= createLogEntries(this.session.core, () => this.requestUpdate())
    return this.#entries
  }
  get #selected(): EventDetail {
    this.#detail ??= createEventDetail(this.session, this.#log, () => this.requestUpdate())
    return this.#detail
  }
  get #list(): List | null {
    return this.renderRoot.querySelector<List>('tidemark-list')
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#forgetPreparation = this.session.prepare(() => this.#prepare())
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#forgetPreparation?.()
    this.#search?.stop()
  }

  protected override sent({ sequence, filter }: PanelPlace): void {
    if (filter !== undefined) this.#filter(filter)
    if (sequence === undefined) return
    if (this.#line) this.#filter('')
    void this.#selected.select(sequence)
    void this.updateComplete.then(() => this.#list?.reveal(this.#head - sequence))
  }

  /** Reads the events that come into view, so that the next update renders and lays out the list once. */
  async #prepare(): Promise<void> {
    const { sequence } = this.session.engine.status
    const rows = this.hidden || this.#search ? 0 : (this.#list?.following ?? 0)
    if (!rows || sequence <= this.#head) return
    await this.#log.readEnd(Math.max(1, sequence - rows), sequence)
    this.#prepared = sequence
  }

  protected override changed(): void {
    const { status } = this.session.engine
    const { database } = this.session.core
    const head = this.#prepared ?? status.sequence
    this.#prepared = undefined
    const isWhole = status.state === 'ready' && !status.behind
    // Visible rows do not change, unless they could not be read.
    if (this.#log.forgetFailures() || !isWhole) this.requestUpdate()
    if (database && !isWhole)
      void headOf(database).then(
        (head) => this.#grow(head),
        () => {},
      )
    this.#grow(head)
  }

  /** Shows that the log is at least this long. An engine that is outdated or behind has a lower head. */
  #grow(head: number): void {
    const grown = Math.max(0, head - this.#head)
    if (!grown) return
    const before = this.#head
    this.#head = head
    this.requestUpdate()
    if (!before) return
    if (this.#search) void this.#growFound(this.#search, before)
    else this.#list?.grow(grown)
  }

  async #growFound(search: LogSearch, before: number): Promise<void> {
    const grown = await search.grow(before, this.#head)
    if (!grown || this.#search !== search) return
    this.#list?.grow(grown)
    this.requestUpdate()
  }

  #filter(text: string): void {
    this.#line = text
    this.#search?.stop()
    const filter = parseFilter(text)
    const changed = (): void => this.requestUpdate()
    this.#search = filter && createLogSearch(this.session, this.#log, filter, this.#head, changed)
    this.#list?.top()
    this.requestUpdate()
  }

  #at(index: number): LogEntry | undefined {
    return this.#search ? this.#search.at(index) : this.#log.at(this.#head - index)
  }

  #sequenceAt(index: number): number | undefined {
    return this.#search ? this.#search.sequenceAt(index) : this.#head - index
  }

  protected override render(): TemplateResult {
    const { session } = this
    const search = this.#search
    const total = search?.count ?? this.#head
    const { sequence } = this.#selected
    const index = sequence === undefined ? undefined : (search?.indexOf(sequence) ?? this.#head - sequence)
    // Only the field has this listener.
    const typed = (event: Event): void => this.#filter((event.target as HTMLInputElement).value)
    const type = search?.filter.type ?? ''
    const chosen = (event: Event): void => {
      // Only the list has this listener.
      const { value } = event.target as HTMLSelectElement
      const others = this.#line.replace(/(^|\s)type:\S+/g, '').trim()
      this.#filter(`${value ? `type:${value} ` : ''}${others}`)
    }
    return html`<div class="bar">
        <input class="grow mono" type="search" aria-label="Filter the log" placeholder="text, row:todos/a, command:…, type:…" .value=${this.#line} @change=${typed} @search=${typed}>
        <select aria-label="Type of event" .value=${type} @change=${chosen}>
          <option value="" ?selected=${!type}>all types</option>
          ${Object.keys(session.core.model.events).map((one) => html`<option ?selected=${one === type}>${one}</option>`)}
        </select>
        <span class="quiet" role="status">${this.#tally()}</span>
      </div>
      <div class="split">
        ${
          total
            ? html`<tidemark-list
          .count=${total}
          .selected=${index}
          .label=${'Events, newest first'}
          .item=${(at: number) => this.#row(at)}
          @pick=${({ detail }: CustomEvent<number>) => this.#picked(detail)}
        ></tidemark-list>`
            : html`<div class="page quiet">${search ? (search.isOver ? 'No event fits.' : 'Looking …') : 'Nothing has happened yet.'}</div>`
        }
        ${this.#selected.render(this.#close)}
      </div>`
  }

  readonly #close = (): void => {
    this.#selected.clear()
    this.requestUpdate()
    this.#list?.renderRoot.querySelector<HTMLElement>('.scroll')?.focus()
  }

  #picked(index: number): void {
    const sequence = this.#sequenceAt(index)
    if (sequence !== undefined) void this.#selected.select(sequence)
  }

  #tally(): TemplateResult | string {
    const search = this.#search
    if (!search) return plural(this.#head, 'event')
    const found = `${formatCount(search.count)} found`
    if (search.failure) return html`${found}. <span class="bad">${describeError(search.failure)}</span>`
    if (search.isOver) return found
    return search.isWaiting
      ? `${found}, more below`
      : `${found}, looking: ${formatCount(search.remaining)} events to go`
  }

  #row(index: number): { content: TemplateResult; border: boolean } {
    const { event, error, sequence = this.#sequenceAt(index) } = this.#at(index) ?? {}
    const type = event ? `type h${hueOf(event.type)} ${error ? 'careful' : ''}` : 'quiet'
    const [tone, text] = event ? ['quiet', line(event.data)] : ['bad', error ? describeError(error) : '']
    return {
      // Every row has the same elements, so a row that is still being read is filled in later without new elements.
      content: html`<span class="seq">${sequence}</span><span class=${type}>${event?.type ?? (error ? '' : '…')}</span
        ><span class="mono fill ${tone}">${text}</span><span class="quiet wide">${event && time(event.at)}</span>`,
      // The newest event is first, so the border goes under the first event of a commit.
      border: index > 0 && !!this.#at(index - 1)?.isFirst,
    }
  }
}
