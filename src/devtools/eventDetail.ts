import { html, nothing, type TemplateResult } from 'lit'
import type { AnyRecordedEvent } from '../model/events.ts'
import { eventLink, listChanges, rowLink } from './changes.ts'
import { formatCount, line, time } from './format.ts'
import type { LogEntries } from './logEntries.ts'
import type { LogEntry } from './logRecord.ts'
import { copyTest, details, errorLine, fact, progressBar, quietLine } from './parts.ts'
import { pastAt } from './past.ts'
import type { Session } from './session.ts'
import { toolsPart } from './toolsPart.ts'
import { touchedBy } from './touched.ts'

/** The most keys of one projection that are listed. */
const KEYS_LISTED = 20

/** The event that is selected in the log. */
export interface EventDetail {
  /** undefined if none is selected. */
  readonly sequence: number | undefined
  select(sequence: number): Promise<void>
  render(close: () => void): TemplateResult | typeof nothing
  clear(): void
}

/** Calls `changed` when there is something new to render. */
export function createEventDetail(session: Session, log: LogEntries, changed: () => void): EventDetail {
  let selected: LogEntry | undefined
  /** The row changes of the event. They are computed when the user asks for them. */
  let changes: TemplateResult | typeof nothing = nothing

  async function showChanges(sequence: number): Promise<void> {
    const show = (content: TemplateResult): void => {
      if (selected?.sequence !== sequence) return
      changes = html`<h3>What it changed</h3>${content}`
      changed()
    }
    show(quietLine('Folding the log …'))
    try {
      const { at } = await toolsPart.load()
      const past = await pastAt(session, at, sequence, (progress) => show(progressBar('Folding the log', progress)))
      if (past.sequence === sequence) show(listChanges(session, past.changes))
    } catch (error) {
      show(errorLine(error))
    }
  }

  function whole(event: AnyRecordedEvent, error: Error | undefined): TemplateResult {
    const { sequence, commandId, at, meta, version, data } = event
    const test = async (): Promise<string> => (await toolsPart.load()).asTest(session, log, sequence)
    const { head } = session.core
    // An engine that is outdated, behind or failed has not applied the end of its log.
    const isApplied = sequence <= head
    const filter = (): void => session.show({ panel: 'log', filter: `command:${commandId}` })
    return html`${error ? errorLine(error) : nothing}
      <div class="actions">
        <button @click=${() => session.copy(JSON.stringify(event, undefined, 2))}>Copy as JSON</button>
        ${
          isApplied
            ? html`<button @click=${() => copyTest(session, test)}>Copy as test</button>
        <button @click=${() => showChanges(sequence)}>What it changed</button>
        <button @click=${() => session.show({ panel: 'time', sequence })}>State here</button>`
            : nothing
        }
      </div>
      ${isApplied ? nothing : quietLine(`This tab has applied the log up to event ${formatCount(head)}, so it does not know what this event changed.`)}
      <dl>
        ${fact('at', time(at))}
        ${fact('command', html`<button class="link mono" @click=${filter}>${commandId}</button>`)}
        ${fact('version', version)}
        ${meta === undefined ? nothing : fact('meta', html`<span class="mono">${line(meta, 400)}</span>`)}
        ${error ? nothing : fact('rows', changedRowsOf(session, event))}
      </dl>
      <h3>Payload</h3>
      ${data === undefined ? quietLine('none') : html`<tidemark-tree .value=${data}></tidemark-tree>`}
      ${changes}`
  }

  function unreadable({ error, damage }: LogEntry): TemplateResult {
    if (!error) return quietLine('Reading …')
    if (!damage) return errorLine(error)
    const { first, last } = damage
    return html`${errorLine(error)}
      <p>Events ${first} to ${last} share this. ${first > 1 ? eventLink(session, first - 1, 'The event before') : nothing}</p>`
  }

  return {
    get sequence() {
      return selected?.sequence
    },
    async select(sequence) {
      changes = nothing
      selected = { sequence, isFirst: false }
      changed()
      const entry = await log.read(sequence)
      if (selected?.sequence !== sequence) return
      selected = entry
      changed()
    },
    clear() {
      selected = undefined
    },
    render(close) {
      if (!selected) return nothing
      const { sequence, event, error } = selected
      return details(
        `Event ${sequence}`,
        html`${event?.type ?? 'Event'} <span class="quiet">${sequence}</span>`,
        close,
        event ? whole(event, error) : unreadable(selected),
      )
    },
  }
}

function changedRowsOf(session: Session, event: AnyRecordedEvent): TemplateResult {
  const touched = touchedBy(session.core, event)
  if (!touched.length) return html`<span class="quiet">no projection handles it</span>`
  return html`${touched.map(({ projection, keys, where }) => {
    if (!keys) return html`<div>${rowLink(session, projection)} ${where ?? ''}</div>`
    const unlisted = keys.length - KEYS_LISTED
    return html`<div>${keys.slice(0, KEYS_LISTED).map((key) => html`${rowLink(session, projection, key)} `)}${unlisted > 0 ? `and ${formatCount(unlisted)} more` : ''}</div>`
  })}`
}
