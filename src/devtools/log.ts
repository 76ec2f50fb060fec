import { html, nothing, type TemplateResult } from 'lit'
import { headOf } from '../log/look.ts'
import { eventLink, listChanges, rowLink } from './changes.ts'
import { parseFilter } from './filter.ts'
import { count, describeError, hueOf, line, plural, time } from './format.ts'
import type { List } from './list.ts'
import { createLogEntries, type LogEntries, type LogEntry } from './logEntries.ts'
import { createLogSearch, type LogSearch } from './logSearch.ts'
import { Panel } from './panel.ts'
import { pastAt } from './past.ts'
import type { Place } from './session.ts'
import { toolsPart } from './toolsPart.ts'
import { touchedBy } from './touched.ts'

/** Keys of one projection that are listed. */
const KEYS_LISTED = 20

/** The log, newest first. */
export class LogPanel extends Panel {
  #entries: LogEntries | undefined
  #line = ''
  #head = 0
  #selected: LogEntry | undefined
  #changes: TemplateResult | typeof nothing = nothing
  /** Of the filter. */
  #search: LogSearch | undefined

  get #log(): LogEntries {
    return (this.#entries ??= createLogEntries(this.session.core, () => this.requestUpdate()))
  }
  get #list(): List | null {
    return this.renderRoot.querySelector<List>('tidemark-list')
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#search?.stop()
  }

  protected override sent({ sequence, filter }: Place): void {
    if (filter !== undefined) this.#filter(filter)
    if (sequence === undefined) return
    if (this.#line) this.#filter('')
    void this.#select(sequence)
    void this.updateComplete.then(() => this.#list?.reveal(this.#head - sequence))
  }

  protected override changed(): void {
    const { status } = this.session.engine
    const { database } = this.session.core
    if (database && (status.state !== 'ready' || status.behind))
      void headOf(database).then(
        (head) => this.#grow(head),
        () => {},
      )
    this.#grow(status.sequence)
  }

  /** The log ends there at least: an engine that is outdated or behind has not got as far. */
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

  async #select(sequence: number): Promise<void> {
    this.#changes = nothing
    this.#selected = { sequence, isFirst: false }
    this.requestUpdate()
    const entry = await this.#log.read(sequence)
    if (this.#selected.sequence !== sequence) return
    this.#selected = entry
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
    const selected = this.#selected
    const index = selected && (search ? search.indexOf(selected.sequence) : this.#head - selected.sequence)
    const typed = (event: Event): void => this.#filter((event.target as HTMLInputElement).value)
    const type = search?.filter.type ?? ''
    const chosen = (event: Event): void => {
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
        ${selected ? this.#detail(selected) : nothing}
      </div>`
  }

  #picked(index: number): void {
    const sequence = this.#sequenceAt(index)
    if (sequence !== undefined) void this.#select(sequence)
  }

  #tally(): TemplateResult | string {
    const search = this.#search
    if (!search) return plural(this.#head, 'event')
    if (search.failure) return html`<span class="bad">${describeError(search.failure)}</span>`
    const found = `${count(search.count)} found`
    if (search.isOver) return found
    return search.isWaiting ? `${found}, more below` : `${found}, looking: ${count(search.left)} events to go`
  }

  #row(index: number): { content: TemplateResult; border: boolean } {
    const entry = this.#at(index)
    const sequence = entry?.sequence ?? this.#sequenceAt(index)
    const number = html`<span class="seq">${sequence}</span>`
    if (!entry) return { content: html`${number}<span class="quiet">…</span>`, border: false }
    const { event, error } = entry
    // Newest first: the border is under the first event of a commit, which is above the last one of the commit before.
    const above = index > 0 ? this.#at(index - 1) : undefined
    const border = !!above?.isFirst
    if (!event) return { content: html`${number}<span class="bad fill">${describeError(error)}</span>`, border }
    return {
      content: html`${number}<span class="type h${hueOf(event.type)} ${error ? 'careful' : ''}">${event.type}</span
        ><span class="mono quiet fill">${line(event.data)}</span><span class="quiet wide">${time(event.at)}</span>`,
      border,
    }
  }

  #detail({ sequence, event, error, damage }: LogEntry): TemplateResult {
    const { session } = this
    const close = (): void => {
      this.#selected = undefined
      this.requestUpdate()
      this.#list?.renderRoot.querySelector<HTMLElement>('.scroll')?.focus()
    }
    const head = html`<div class="actions">
      <h3 class="grow">${event?.type ?? 'Event'} <span class="quiet">${sequence}</span></h3>
      <button @click=${close} aria-label="Close the details">✕</button>
    </div>`
    if (!event)
      return html`<div class="side" role="region" aria-label="Event ${sequence}">${head}
        ${error ? html`<p class="bad">${describeError(error)}</p>` : html`<p class="quiet">Reading …</p>`}
        ${damage ? html`<p>Events ${damage.first} to ${damage.last} share this. ${damage.first > 1 ? eventLink(session, damage.first - 1, 'The event before') : nothing}</p>` : nothing}
      </div>`
    const { commandId, at, meta, version, data } = event
    return html`<div class="side" role="region" aria-label="Event ${sequence}">${head}
      ${error ? html`<p class="careful">${describeError(error)}</p>` : nothing}
      <div class="actions">
        <button @click=${() => session.copy(JSON.stringify(event, undefined, 2))}>Copy as JSON</button>
        <button @click=${() => this.#copyTest(sequence)}>Copy as test</button>
        <button @click=${() => this.#showChanges(sequence)}>What it changed</button>
        <button @click=${() => session.show({ panel: 'time', sequence })}>State here</button>
      </div>
      <dl>
        <dt>at</dt><dd>${time(at)}</dd>
        <dt>command</dt><dd><button class="link mono" @click=${() => this.#filter(`command:${commandId}`)}>${commandId}</button></dd>
        ${version ? html`<dt>version</dt><dd>${version}</dd>` : nothing}
        ${meta === undefined ? nothing : html`<dt>meta</dt><dd class="mono">${line(meta, 400)}</dd>`}
        ${error ? nothing : html`<dt>rows</dt><dd>${this.#rowsOf(event)}</dd>`}
      </dl>
      <h3>Payload</h3>
      ${data === undefined ? html`<p class="quiet">none</p>` : html`<tidemark-tree .value=${data}></tidemark-tree>`}
      ${this.#changes}
    </div>`
  }

  #rowsOf(event: LogEntry['event'] & {}): TemplateResult {
    const touched = touchedBy(this.session.core, event)
    if (!touched.length) return html`<span class="quiet">no projection handles it</span>`
    return html`${touched.map(
      ({ projection, keys, where }) =>
        html`<div>${
          keys
            ? html`${keys.slice(0, KEYS_LISTED).map((key) => html`${rowLink(this.session, projection, key)} `)}${keys.length > KEYS_LISTED ? `and ${keys.length - KEYS_LISTED} more` : ''}`
            : html`${rowLink(this.session, projection)} ${where ?? ''}`
        }</div>`,
    )}`
  }

  async #showChanges(sequence: number): Promise<void> {
    const show = (content: TemplateResult): void => {
      if (this.#selected?.sequence !== sequence) return
      this.#changes = html`<h3>What it changed</h3>${content}`
      this.requestUpdate()
    }
    show(html`<p class="quiet">Folding the log …</p>`)
    try {
      const past = await pastAt(this.session, sequence, ({ done, total }) =>
        show(html`<progress aria-label="Folding the log" max=${total} .value=${done}></progress>`),
      )
      if (past.sequence === sequence) show(listChanges(this.session, past.changes))
    } catch (error) {
      show(html`<p class="bad">${describeError(error)}</p>`)
    }
  }

  async #copyTest(sequence: number): Promise<void> {
    const { session } = this
    try {
      const { asTest } = await toolsPart.load()
      await session.copy(await asTest(session, this.#log, sequence))
    } catch (error) {
      session.say(`No test could be made. ${describeError(error)}`)
    }
  }
}
