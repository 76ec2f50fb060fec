import { html, nothing, type TemplateResult } from 'lit'
import { at, type Past } from '../engine/tools/at.ts'
import type { Progress } from '../engine/types.ts'
import { eventLink, listChanges } from './changes.ts'
import { describeError, formatCount, keyText, line, plural, time } from './format.ts'
import { Panel } from './panel.ts'
import { card, progressLine, quietLine } from './parts.ts'
import { pastAt } from './past.ts'
import type { PanelPlace } from './session.ts'

/** Shows the state at any point of the log. */
export class TimePanel extends Panel {
  #wanted: number | undefined
  #past: Past<any, any> | undefined
  #progress: Progress | undefined
  #failure: unknown
  #isGoing = false
  #projection = ''

  protected override sent({ sequence }: PanelPlace): void {
    if (sequence !== undefined) this.#go(sequence)
  }

  #go(sequence: number): void {
    const head = this.session.engine.status.sequence
    this.#wanted = Math.max(0, Math.min(head, sequence))
    this.requestUpdate()
    void this.#follow()
  }

  /** Moves to the position of the slider, which may change meanwhile. */
  async #follow(): Promise<void> {
    if (this.#isGoing) return
    this.#isGoing = true
    let sequence: number | undefined
    while (this.#wanted !== undefined && sequence !== this.#wanted) {
      sequence = this.#wanted
      try {
        this.#past = await pastAt(this.session, at, sequence, (progress) => {
          this.#progress = progress
          this.requestUpdate()
        })
        this.#failure = undefined
      } catch (error) {
        this.#failure = error
      }
    }
    this.#progress = undefined
    this.#isGoing = false
    this.requestUpdate()
  }

  protected override render(): TemplateResult {
    const head = this.session.engine.status.sequence
    const point = this.#wanted ?? head
    const step = (by: number, label: string, sign: string): TemplateResult =>
      html`<button aria-label=${label} title=${label} ?disabled=${point + by < 0 || point + by > head} @click=${() => this.#go(point + by)}>${sign}</button>`
    // Only the slider has this listener.
    const slid = (event: Event): void => this.#go((event.target as HTMLInputElement).valueAsNumber)
    const { event } = this.#past ?? {}
    return html`<div class="bar">
        ${step(-1, 'Event before', '‹')}
        <input class="grow" type="range" min="0" max=${head} .value=${String(point)} aria-label="Point in the log" aria-valuetext="event ${point} of ${head}${event && this.#past?.sequence === point ? `, ${event.type}` : ''}" @input=${slid}>
        ${step(1, 'Event after', '›')}
        <input type="number" min="0" max=${head} .value=${String(point)} aria-label="Sequence of the event" @change=${slid}>
        <span class="quiet">of ${formatCount(head)}</span>
      </div>
      <div class="page">
        ${this.#progress ? html`<p role="status">Folding the log: ${progressLine('Folding the log', this.#progress)}</p>` : nothing}
        ${this.#failure ? html`<p class="bad" role="alert">The past can't be read. ${describeError(this.#failure)}</p>` : nothing}
        ${this.#past ? this.#moment(this.#past) : this.#failure || this.#isGoing ? nothing : quietLine('Move the slider, or type a sequence: the log is folded up to there, and the page goes on as it is.')}
      </div>`
  }

  #moment(past: Past<any, any>): TemplateResult {
    const { event, changes, read, sequence } = past
    const names = Object.keys(read)
    const name = names.includes(this.#projection) ? this.#projection : (names[0] ?? '')
    const chosen = (event: Event): void => {
      // Only the list has this listener.
      this.#projection = (event.target as HTMLSelectElement).value
      this.requestUpdate()
    }
    return html`<div class="cards">${[
      event
        ? card(
            'Event',
            html`${event.type} ${eventLink(this.session, sequence, String(sequence))}`,
            html`${quietLine(time(event.at))}
            <tidemark-tree .value=${event.data}></tidemark-tree>
            <h3>What it changed</h3>${listChanges(this.session, changes)}`,
          )
        : card('Event', 'Before the first event', quietLine('Nothing had happened yet.')),
      card(
        'State',
        'State',
        // The panel does not know the types of the model.
        this.#state(name, (read as Record<string, any>)[name]),
        html`<select aria-label="Projection" @change=${chosen}>
          ${names.map((one) => html`<option ?selected=${one === name}>${one}</option>`)}
        </select>`,
      ),
    ]}</div>`
  }

  #state(name: string, table: any): TemplateResult {
    if (!table) return quietLine('Rows on disk are not in it.')
    if (this.session.core.model.projections[name]?.into.kind === 'value')
      return html`<tidemark-tree .value=${table.value}></tidemark-tree>`
    const { size }: { size: number } = table
    const rows: unknown[] = table.all()
    const key = (index: number): unknown => Object.values(rows[index]!)[0]
    return html`${quietLine(plural(size, 'row'))}
      <tidemark-list class="state" .count=${size} .label=${'Rows at that point'} .item=${(index: number) => ({
        content: html`<span class="mono cut">${keyText(key(index))}</span><span class="mono quiet fill">${line(rows[index])}</span>`,
      })}></tidemark-list>`
  }
}
