import { html, nothing, type TemplateResult } from 'lit'
import { type DeadLetter, deadLetters, readReactions } from '../engine/tools/deadLetters.ts'
import type { ReactionStatus } from '../engine/types.ts'
import type { OpenEvent } from '../log/stores.ts'
import { fromWire } from '../log/wire.ts'
import { eventLink } from './changes.ts'
import { describeError, formatCount, plural } from './format.ts'
import { Panel } from './panel.ts'
import { andMore, card, errorLine, fact, quietLine } from './parts.ts'
import { createRareRead } from './rareRead.ts'
import { type StoredReaction, storedReactions, waitOf } from './storedReactions.ts'

/** The most open events of one reaction that are listed. */
const OPEN_LISTED = 100
/** Milliseconds between two reads of the open events while they keep changing. */
const READ_REACTIONS_MS = 1000

const TONES = { idle: 'good', running: 'good', waiting: 'careful', stopped: 'bad' } as const

const talliesOf = ({ open, due, running, retrying }: ReactionStatus): string =>
  `${formatCount(open)} open, ${formatCount(due)} due, ${formatCount(running)} running, ${formatCount(retrying)} to be tried again`

/** Shows the reactions: their open events and their dead letters. */
export class ReactionsPanel extends Panel {
  #reactions: readonly StoredReaction[] | undefined
  #letters: readonly DeadLetter<any>[] = []
  #failure: unknown
  readonly #reading = createRareRead(READ_REACTIONS_MS, () => this.#read())

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#reading.stop()
  }

  protected override changed(): void {
    super.changed()
    this.#reading.readIfChanged(this.session.engine.status.reactions)
  }

  async #read(): Promise<void> {
    const { engine, core } = this.session
    const { reactions } = engine.status
    try {
      this.#letters = await deadLetters(engine)
      this.#reactions = storedReactions(Object.keys(reactions), await readReactions(core))
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
      this.#reading.forget()
    }
    this.requestUpdate()
  }

  async #decide(letter: DeadLetter<any>, how: 'retry' | 'drop'): Promise<void> {
    const { session } = this
    const { type, sequence } = letter.event
    const done = how === 'retry' ? 'is tried again' : 'was dropped'
    try {
      session.say(`${type} ${sequence} ${(await letter[how]()) ? done : 'was decided by another tab'}.`)
    } catch (error) {
      session.say(describeError(error))
    }
    await this.#reading.again(undefined)
  }

  protected override render(): TemplateResult {
    const all = this.#reactions
    return html`<div class="page">
      ${this.#failure ? errorLine(this.#failure) : nothing}
      ${
        all && !all.length
          ? quietLine('No reaction runs on this log. A reaction does work that events cause: see tidemark/reactions.')
          : html`<div class="cards">${all?.map((one) => this.#card(one))}</div>`
      }
    </div>`
  }

  #card({ name, scanned, version, open }: StoredReaction): TemplateResult {
    const { reactions } = this.session.engine.status
    const status: ReactionStatus | undefined = reactions[name]
    const { state, error } = status ?? {}
    // A failed or outdated engine may receive no report.
    const unknown = Object.keys(reactions).length ? 'not declared by this build' : 'nobody runs it now'
    return card(
      name,
      html`${name} <span class=${state ? TONES[state] : 'careful'}>${state ?? unknown}</span>`,
      html`<dl>
        ${fact('events', status && talliesOf(status))}
        ${fact('given up', status?.dead ? html`<span class="bad">${plural(status.dead, 'event')}</span>` : undefined)}
        ${fact('version', version)}${fact('looked at', scanned === undefined ? undefined : `events up to ${formatCount(scanned)}`)}
      </dl>
      ${error ? errorLine(error) : nothing}
      ${open.length ? this.#listOpen(name, open) : quietLine('No event is open.')}`,
    )
  }

  #listOpen(name: string, open: readonly OpenEvent[]): TemplateResult {
    // Dead letters wait for the user.
    const first = [...open].sort((a, b) => Number(b.dead ?? 0) - Number(a.dead ?? 0)).slice(0, OPEN_LISTED)
    return html`<table>
      <caption class="hidden">Open events of ${name}</caption>
      <thead><tr><th scope="col">event</th><th scope="col">lane</th><th scope="col">state</th></tr></thead>
      <tbody>${first.map((one) => this.#open(one))}</tbody>
    </table>${andMore(open.length - first.length)}`
  }

  #open(open: OpenEvent): TemplateResult {
    const { event, index, lane, dead, error } = open
    const { type, sequence, commandId } = event
    const letter = this.#letters.find(
      (one) => one.reaction === open.reaction && one.event.commandId === commandId && one.event.sequence === sequence,
    )
    const button = (how: 'retry' | 'drop', label: string): TemplateResult | false | undefined =>
      letter &&
      html`<button aria-label="${label} ${type} ${sequence}" @click=${() => this.#decide(letter, how)}>${label}</button>`
    return html`<tr data-index=${index}>
      <th scope="row">${eventLink(this.session, sequence, `${type} ${sequence}`)}</th>
      <td class="mono">${lane}</td>
      <td><span class=${dead ? 'bad' : ''}>${waitOf(open, Date.now())}</span>
        ${error ? errorLine(fromWire(error)) : nothing}
        ${letter ? html`<div class="actions">${dead ? button('retry', 'Retry') : nothing}${button('drop', 'Drop')}</div>` : nothing}</td>
    </tr>`
  }
}
