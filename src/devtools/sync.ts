import { html, nothing, type TemplateResult } from 'lit'
import { type Rejected, rejected } from '../engine/shared/rejected.ts'
import type { SyncStatus } from '../engine/types.ts'
import type { LocalCommand } from '../log/local.ts'
import { describeError, formatCount, line, plural, time } from './format.ts'
import { Panel } from './panel.ts'
import { andMore, card, errorLine, fact, headedRows, progressLine, quietLine } from './parts.ts'
import { createRareRead } from './rareRead.ts'
import { waitingCommands } from './waitingCommands.ts'

/** The most commands of each kind that are listed. */
const COMMANDS_LISTED = 100
/** Milliseconds between two reads while something keeps changing. */
const READ_SYNC_MS = 1000

const STATES: Readonly<Record<SyncStatus['state'], readonly [tone: string, sentence: string]>> = {
  online: ['good', 'What the remote has is read as it comes, and what this device has is sent.'],
  offline: ['careful', "The remote can't be reached. Commands are durable here and are sent later."],
  waiting: ['careful', "This log can't be taken online yet."],
  denied: ['bad', 'The remote refuses this device. It is asked again.'],
  outdated: ['bad', 'A newer build wrote something that this one does not know: reload the page.'],
  stalled: ['bad', 'A projection that a waiting command reads has failed.'],
  forked: ['bad', 'The remote has lost events that this device has, and others have written behind them.'],
  'other-log': ['bad', 'The remote has another log.'],
  gone: ['bad', 'The remote has no log any more, though this device has sent it one.'],
}

/** Shows the state of the log and its remote, and the waiting and refused commands of this device. */
export class SyncPanel extends Panel {
  #waiting: readonly LocalCommand[] = []
  #rejected: readonly Rejected[] = []
  #failure: unknown
  readonly #reading = createRareRead(READ_SYNC_MS, () => this.#read())

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#reading.stop()
  }

  protected override changed(): void {
    super.changed()
    this.#reading.readIfChanged(this.session.engine.status.sync)
  }

  async #read(): Promise<void> {
    const { engine, core } = this.session
    try {
      this.#waiting = await waitingCommands(core)
      this.#rejected = await rejected(engine)
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
      this.#reading.forget()
    }
    this.requestUpdate()
  }

  async #decide(one: Rejected, how: 'retry' | 'discard'): Promise<void> {
    const { session } = this
    try {
      const isDone = (await one[how]()) !== false
      session.say(
        isDone
          ? `${one.name} ${how === 'retry' ? 'is sent again' : 'was discarded'}.`
          : 'Another tab has decided this one.',
      )
    } catch (error) {
      session.say(describeError(error))
    }
    await this.#reading.again(undefined)
  }

  protected override render(): TemplateResult {
    const { sync } = this.session.engine.status
    if (!sync) return html`<div class="page">${quietLine('This log has no remote.')}</div>`
    const { state, pending, behind, progress, error } = sync
    const [tone, sentence] = STATES[state]
    const waiting = this.#waiting.slice(0, COMMANDS_LISTED).map(({ name, input, at }) => this.#command(name, input, at))
    const refused = this.#rejected.slice(0, COMMANDS_LISTED)
    return html`<div class="page">${this.#failure ? errorLine(this.#failure) : nothing}<div class="cards">${[
      card(
        'Remote',
        html`Remote <span class=${tone}>${state}</span>`,
        html`<p>${sentence}</p>
        ${progress ? html`<p>${progressLine('Transfer', progress)}</p>` : nothing}
        <dl>${fact('to send', plural(pending, 'command'))}${fact('to read', plural(behind, 'message'))}${fact('refused', plural(sync.rejected, 'command'))}</dl>
        ${error ? errorLine(error) : nothing}`,
      ),
      card(
        'Outbox',
        html`Outbox <span class="quiet">${formatCount(this.#waiting.length)}</span>`,
        waiting.length
          ? html`${headedRows('Commands that wait for the remote, oldest first', waiting)}${andMore(this.#waiting.length - waiting.length)}`
          : quietLine('No command waits for the remote.'),
      ),
      card(
        'Refused',
        html`Refused <span class=${this.#rejected.length ? 'careful' : 'quiet'}>${formatCount(this.#rejected.length)}</span>`,
        refused.length
          ? html`${headedRows(
              'Commands that the shared log refused, oldest first',
              refused.map((one) => this.#refused(one)),
            )}${andMore(this.#rejected.length - refused.length)}`
          : quietLine('The shared log has refused no command of this device.'),
      ),
    ]}</div></div>`
  }

  #command(name: string, input: unknown, at: number): readonly [TemplateResult, TemplateResult] {
    return [
      html`${name}<div class="quiet">${time(at)}</div>`,
      html`<span class="mono">${input === undefined ? '' : line(input)}</span>`,
    ]
  }

  #refused(one: Rejected): readonly [TemplateResult, TemplateResult] {
    const [head, input] = this.#command(one.name, one.input, one.at)
    return [
      head,
      html`${input}${errorLine(one.error)}<div class="actions">
        <button aria-label="Retry ${one.name} of ${time(one.at)}" @click=${() => this.#decide(one, 'retry')}>Retry</button>
        <button aria-label="Discard ${one.name} of ${time(one.at)}" @click=${() => this.#decide(one, 'discard')}>Discard</button></div>`,
    ]
  }
}
