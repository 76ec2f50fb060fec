import { html, nothing, type TemplateResult } from 'lit'
import { asError, caughtName } from '../caught.ts'
import { CommandRejected } from '../errors.ts'
import { describeError, duration, hueOf, line, plural, time } from './format.ts'
import { Panel } from './panel.ts'
import { copyTest, details, fact, quietLine } from './parts.ts'
import type { SeenCommand } from './seenCommands.ts'
import { toolsPart } from './toolsPart.ts'

/** The commands of this tab. */
export class CommandsPanel extends Panel {
  #selected: SeenCommand | undefined

  protected override render(): TemplateResult {
    const { commands } = this.session
    const pending = commands.filter(({ state }) => state === 'pending').length
    const rejected = commands.filter(({ state }) => state === 'rejected').length
    const index = this.#selected ? commands.indexOf(this.#selected) : -1
    return html`<div class="bar"><span class="quiet" role="status">${plural(commands.length, 'command')} of this tab since the panel was mounted, ${pending} pending, ${rejected} rejected</span></div>
      <div class="split">
        ${
          commands.length
            ? html`<tidemark-list
          .count=${commands.length}
          .selected=${index < 0 ? undefined : index}
          .label=${'Commands, newest first'}
          .item=${(at: number) => this.#row(commands[at])}
          @pick=${({ detail }: CustomEvent<number>) => {
            this.#selected = commands[detail]
            this.requestUpdate()
          }}
        ></tidemark-list>`
            : html`<div class="page quiet">No command yet. Those of other tabs are in the log.</div>`
        }
        ${this.#selected ? this.#detail(this.#selected) : nothing}
      </div>`
  }

  #row(command: SeenCommand | undefined): { content: TemplateResult } {
    if (!command) return { content: html`` }
    const { name, input, at } = command
    return {
      content: html`<span class="type h${hueOf(name)}">${name}</span><span class="mono quiet fill">${input === undefined ? '' : line(input)}</span
        >${shownOutcomeOf(command)}<span class="quiet wide">${tookOf(command)}</span><span class="quiet wide">${time(at)}</span>`,
    }
  }

  #detail(command: SeenCommand): TemplateResult {
    const { session } = this
    const { id, name, input, at, state, error, races, meta } = command
    const close = (): void => {
      this.#selected = undefined
      this.requestUpdate()
    }
    const test = async (): Promise<string> => (await toolsPart.load()).commandAsTest(session, command)
    return details(
      `Command ${name}`,
      name,
      close,
      html`<div class="actions">
        <button @click=${() => session.copy(JSON.stringify({ id, name, input, meta }, undefined, 2))}>Copy as JSON</button>
        <button ?disabled=${state === 'pending'} @click=${() => copyTest(session, test)}>Copy as test</button>
        ${state === 'done' && command.events ? html`<button @click=${() => session.show({ panel: 'log', filter: `command:${id}` })}>Its events</button>` : nothing}
      </div>
      <dl>
        ${fact('outcome', shownOutcomeOf(command))}${fact('took', tookOf(command))}${fact('races lost', races)}${fact('at', time(at))}
        ${fact('id', html`<span class="mono">${id}</span>`)}
        ${meta === undefined ? nothing : fact('meta', html`<span class="mono">${line(meta, 400)}</span>`)}
      </dl>
      <h3>Input</h3>
      ${input === undefined ? quietLine('none') : html`<tidemark-tree .value=${input}></tidemark-tree>`}
      ${
        error instanceof CommandRejected
          ? html`<h3>Rejection</h3><tidemark-tree .value=${{ code: error.code, details: error.details }}></tidemark-tree>`
          : error
            ? html`<h3>Error</h3><pre class="bad">${asError(error).stack ?? describeError(error)}</pre>`
            : nothing
      }`,
    )
  }
}

function shownOutcomeOf({ state, events, error }: SeenCommand): TemplateResult {
  if (state === 'pending') return html`<span class="careful">pending</span>`
  // A rejected command has an error of this class.
  if (state === 'rejected') return html`<span class="careful">rejected: ${(error as CommandRejected).code}</span>`
  if (state === 'failed') return html`<span class="bad">${caughtName(error) ?? 'failed'}</span>`
  if (state === 'duplicate') return html`<span class="quiet">answered before</span>`
  return html`<span class="good">${events ? plural(events, 'event') : 'nothing to do'}</span>`
}

const tookOf = ({ began, ended }: SeenCommand): string => (ended === undefined ? '…' : duration(ended - began))
