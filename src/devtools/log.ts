import { html, nothing, type TemplateResult } from 'lit'
import { headOf } from '../log/look.ts'
import { eventLink, listChanges, rowLink } from './changes.ts'
import { fits, keyOfText, mayFit, parseFilter } from './filter.ts'
import { count, describeError, hueOf, line, plural, time } from './format.ts'
import type { List } from './list.ts'
import { createLogEntries, type LogEntries, type LogEntry } from './logEntries.ts'
import { Panel } from './panel.ts'
import { pastAt } from './past.ts'
import type { Place } from './session.ts'
import { toolsPart } from './toolsPart.ts'
import { touchedBy } from './touched.ts'

/** Events that a filter looks for before it waits until somebody scrolls to them. */
const BATCH = 200
/** Keys of one projection that are listed. */
const KEYS_LISTED = 20
/** Milliseconds between two looks at what a filter has found so far. */
const SHOW_MS = 100

/** The log, newest first. */
export class LogPanel extends Panel {
  #entries: LogEntries | undefined
  #line = ''
  #head = 0
  #selected: LogEntry | undefined
  #changes: TemplateResult | typeof nothing = nothing
  /** Of the filter. */
  #found: LogEntry[] | undefined
  #search: AbortController | undefined
  #scanned = 0
  #isOver = false
  #wanted = BATCH
  #more: (() => void) | undefined
  #failure: unknown

  get #log(): LogEntries {
    return (this.#entries ??= createLogEntries(this.session.core, () => this.requestUpdate()))
  }
  get #list(): List | null {
    return this.renderRoot.querySelector<List>('tidemark-list')
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#search?.abort()
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
    if (this.#found && before) void this.#prependNew(before)
    else if (!this.#found && before) this.#list?.grow(grown)
  }

  /** What was appended since, as far as it fits the filter. */
  async #prependNew(before: number): Promise<void> {
    const filter = parseFilter(this.#line)
    const found = this.#found
    if (!filter || filter.row || !found) return
    const fresh: LogEntry[] = []
    for (let sequence = this.#head; sequence > before && fresh.length < BATCH; sequence--) {
      const entry = await this.#log.read(sequence)
      if (fits(filter, entry)) fresh.push(entry)
    }
    if (this.#found !== found || !fresh.length) return
    found.unshift(...fresh)
    this.#list?.grow(fresh.length)
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
    this.#search?.abort()
    this.#found = undefined
    this.#failure = undefined
    this.#list?.top()
    this.requestUpdate()
    const filter = parseFilter(text)
    if (!filter) return
    const search = new AbortController()
    this.#search = search
    this.#found = []
    this.#isOver = false
    this.#wanted = BATCH
    this.#scanned = this.#head
    void this.#find(search.signal, this.#found)
  }

  async #find(signal: AbortSignal, found: LogEntry[]): Promise<void> {
    const filter = parseFilter(this.#line) ?? { text: '' }
    let shown = performance.now()
    const show = (): void => {
      if (performance.now() - shown < SHOW_MS) return
      shown = performance.now()
      this.requestUpdate()
    }
    try {
      for await (const entry of this.#candidates(signal, show)) {
        if (!fits(filter, entry)) continue
        found.push(entry)
        show()
        if (found.length < this.#wanted) continue
        this.requestUpdate()
        await new Promise<void>((resolve) => {
          this.#more = resolve
        })
        signal.throwIfAborted()
      }
    } catch (error) {
      if (signal.aborted) return
      this.#failure = error
    }
    this.#isOver = true
    this.requestUpdate()
  }

  async *#candidates(signal: AbortSignal, show: () => void): AsyncGenerator<LogEntry> {
    const { engine } = this.session
    const filter = parseFilter(this.#line) ?? { text: '' }
    if (!filter.row) {
      yield* this.#log.backwards(this.#head + 1, mayFit(filter), signal, (sequence) => {
        this.#scanned = sequence
        show()
      })
      return
    }
    const { table, key } = filter.row
    const row = { table, key: keyOfText(engine, table, key) } as { table: never; key: string }
    for await (const event of engine.history({ ...row, reverse: true, signal }))
      yield { sequence: event.sequence, isFirst: true, event: event as LogEntry['event'] & {} }
  }

  #at(index: number): LogEntry | undefined {
    if (!this.#found) return this.#log.at(this.#head - index)
    if (index > this.#found.length - BATCH / 4 && this.#more) {
      const more = this.#more
      this.#more = undefined
      this.#wanted = this.#found.length + BATCH
      queueMicrotask(more)
    }
    return this.#found[index]
  }

  protected override render(): TemplateResult {
    const { session } = this
    const total = this.#found?.length ?? this.#head
    const selected = this.#selected
    const index = !selected
      ? undefined
      : this.#found
        ? this.#found.findIndex(({ sequence }) => sequence === selected.sequence)
        : this.#head - selected.sequence
    const typed = (event: Event): void => this.#filter((event.target as HTMLInputElement).value)
    const type = parseFilter(this.#line)?.type ?? ''
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
            : html`<div class="page quiet">${this.#found ? (this.#isOver ? 'No event fits.' : 'Looking …') : 'Nothing has happened yet.'}</div>`
        }
        ${selected ? this.#detail(selected) : nothing}
      </div>`
  }

  #picked(index: number): void {
    const sequence = this.#found ? this.#found[index]?.sequence : this.#head - index
    if (sequence !== undefined) void this.#select(sequence)
  }

  #tally(): TemplateResult | string {
    if (this.#failure) return html`<span class="bad">${describeError(this.#failure)}</span>`
    if (!this.#found) return plural(this.#head, 'event')
    const found = `${count(this.#found.length)} found`
    if (this.#isOver) return found
    return this.#more ? `${found}, more below` : `${found}, looking: ${count(this.#scanned)} events to go`
  }

  #row(index: number): { content: TemplateResult; border: boolean } {
    const entry = this.#at(index)
    const sequence = entry?.sequence ?? this.#head - index
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
