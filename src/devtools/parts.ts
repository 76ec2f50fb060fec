import { html, nothing, type TemplateResult } from 'lit'
import type { Progress } from '../engine/types.ts'
import { describeError, formatCount } from './format.ts'
import type { Session } from './session.ts'

type Done = Pick<Progress, 'done' | 'total'>

/** The progress of long work, as a bar. */
export const progressBar = (label: string, { done, total }: Done): TemplateResult =>
  html`<progress aria-label=${label} max=${Math.max(1, total)} .value=${done}></progress>`

/** The progress of long work, as figures and a bar. */
export const progressLine = (label: string, progress: Done): TemplateResult =>
  html`${formatCount(progress.done)} of ${formatCount(progress.total)} ${progressBar(label, progress)}`

export const quietLine = (text: unknown): TemplateResult => html`<p class="quiet">${text}</p>`

export const errorLine = (error: unknown): TemplateResult => html`<p class="bad">${describeError(error)}</p>`

/** One line of a description list; nothing without a value. */
export const fact = (name: string, value: unknown): TemplateResult | typeof nothing =>
  value === undefined || value === '' ? nothing : html`<dt>${name}</dt><dd>${value}</dd>`

/** The number of items that a list leaves out. */
export const andMore = (count: number): TemplateResult | typeof nothing =>
  count > 0 ? quietLine(`and ${formatCount(count)} more`) : nothing

/** A box with a heading and its buttons. `label` names it for a screen reader. */
export const card = (
  label: string,
  title: unknown,
  content: unknown,
  buttons: unknown = nothing,
): TemplateResult => html`<section class="card" aria-label=${label}>
  <div class="actions"><h3 class="grow">${title}</h3>${buttons}</div>${content}
</section>`

/** A region beside a list that shows the selected item. */
export const details = (
  label: string,
  title: unknown,
  close: () => void,
  content: unknown,
): TemplateResult => html`<div class="side" role="region" aria-label=${label}>
  <div class="actions"><h3 class="grow">${title}</h3><button @click=${close} aria-label="Close the details">✕</button></div>${content}
</div>`

/** Rows with a heading each. `label` names them for a screen reader. */
export const headedRows = (
  label: string,
  rows: readonly (readonly [head: unknown, cell: unknown])[],
): TemplateResult => html`<table>
  <caption class="hidden">${label}</caption>
  <tbody>${rows.map(([head, cell]) => html`<tr><th scope="row">${head}</th><td>${cell}</td></tr>`)}</tbody>
</table>`

/** Copies the test that `make` returns. */
export async function copyTest(session: Session, make: () => Promise<string>): Promise<void> {
  try {
    await session.copy(await make())
  } catch (error) {
    session.say(`No test could be made. ${describeError(error)}`)
  }
}
