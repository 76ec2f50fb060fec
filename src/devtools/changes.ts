import { html, nothing, type TemplateResult } from 'lit'
import type { RowChange } from '../engine/tools/at.ts'
import { changedProperties, pick } from '../engine/tools/rowChanges.ts'
import { keyText, line } from './format.ts'
import { andMore, headedRows, quietLine } from './parts.ts'
import type { Session } from './session.ts'

/** The most changes that are listed. The rest are only counted. */
const LISTED_CHANGES = 200

/** The change of a row: `added`, `removed`, or the changed properties with their values before and after. */
export function difference(before: unknown, after: unknown): TemplateResult {
  if (before === undefined && after === undefined) return html`<span class="quiet">no row, before and after</span>`
  if (before === undefined) return html`<span class="good">added</span> <span class="mono">${line(after)}</span>`
  if (after === undefined) return html`<span class="bad">removed</span> <span class="mono quiet">${line(before)}</span>`
  const changed = changedProperties(before, after)
  if (!changed.length) return html`<span class="quiet">unchanged</span>`
  return html`${changed.map((property) => {
    const of = pick(property)
    return html`<div class="mono">${property === undefined ? nothing : html`${property}: `}<span class="quiet">${line(of(before), 80)}</span> → ${line(of(after), 80)}</div>`
  })}`
}

/** The rows that an event changed, each with a link to the row. */
export function listChanges(session: Session, changes: readonly RowChange<any>[]): TemplateResult {
  if (!changes.length) return quietLine('It changed no row in memory.')
  const rows = changes
    .slice(0, LISTED_CHANGES)
    .map(
      ({ projection, key, before, after }) => [rowLink(session, projection, key), difference(before, after)] as const,
    )
  return html`${headedRows('Rows that it changed', rows)}${andMore(changes.length - LISTED_CHANGES)}`
}

/** A link to one row, or to a projection. */
export function rowLink(session: Session, projection: string, key?: string | number): TemplateResult {
  const show = (): void => session.show({ panel: 'rows', projection, ...(key !== undefined && { key }) })
  return html`<button class="link mono" @click=${show}>${projection}${key === undefined ? '' : `/${keyText(key)}`}</button>`
}

/** A link to one event of the log. */
export function eventLink(session: Session, sequence: number, text: string = `event ${sequence}`): TemplateResult {
  return html`<button class="link" @click=${() => session.show({ panel: 'log', sequence })}>${text}</button>`
}
