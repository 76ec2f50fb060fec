import { html, nothing, type TemplateResult } from 'lit'
import type { Drafts, DraftText } from '../drafts/types.ts'
import { line, plural } from './format.ts'
import { Panel } from './panel.ts'
import { andMore, card, errorLine, headedRows, quietLine } from './parts.ts'

/** The most drafts of one name that are listed and followed. */
const DRAFTS_LISTED = 50
/** Milliseconds between two lists of drafts. The list is polled, because a draft that begins in another tab changes no status. */
const LIST_MS = 1000
/** Milliseconds between two reads of a growing draft. */
const GROW_MS = 200
/** The number of last characters of a draft that are shown. */
const END_CHARACTERS = 200

type Listed = readonly (readonly [name: string, drafts: Drafts<any>, texts: readonly DraftText<any>[]])[]

/** Shows the drafts: texts that are still being written. */
export class DraftsPanel extends Panel {
  #listed: Listed = []
  #failure: unknown
  #followed: (() => void)[] = []
  #clock: ReturnType<typeof setInterval> | undefined
  #soon: ReturnType<typeof setTimeout> | undefined
  #isReading = false

  override connectedCallback(): void {
    super.connectedCallback()
    this.#clock = setInterval(() => this.refresh(), LIST_MS)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#clock)
    clearTimeout(this.#soon)
    this.#forget()
  }

  #forget(): void {
    for (const end of this.#followed.splice(0)) end()
  }

  protected override changed(): void {
    super.changed()
    if (!this.#isReading) void this.#list()
  }

  async #list(): Promise<void> {
    this.#isReading = true
    const all = Object.entries<Drafts<any>>(this.session.engine.drafts)
    try {
      this.#listed = await Promise.all(all.map(async ([name, drafts]) => [name, drafts, await drafts.list()] as const))
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
    }
    this.#isReading = false
    this.#forget()
    if (!this.isConnected || this.hidden) return
    for (const [, drafts, texts] of this.#listed)
      for (const { id } of texts.slice(0, DRAFTS_LISTED)) this.#followed.push(drafts.subscribe(id, () => this.#grew()))
    this.requestUpdate()
  }

  #grew(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      if (!this.hidden) this.requestUpdate()
    }, GROW_MS)
  }

  protected override render(): TemplateResult {
    return html`<div class="page">${this.#failure ? errorLine(this.#failure) : nothing}<div class="cards">${this.#listed.map(
      ([name, drafts, texts]) => {
        const rows = texts
          .slice(0, DRAFTS_LISTED)
          .map(({ id }) => [html`<span class="mono">${id}</span>`, this.#draft(drafts.get(id))] as const)
        return card(
          name,
          html`${name} <span class="quiet">${plural(texts.length, 'draft')}</span>`,
          texts.length
            ? html`${headedRows(`Drafts of ${name}`, rows)}${andMore(texts.length - rows.length)}`
            : quietLine('Nothing is being written.'),
        )
      },
    )}</div></div>`
  }

  #draft(draft: DraftText<any> | undefined): TemplateResult {
    if (!draft) return html`<span class="quiet">It is over.</span>`
    const { id: _, text, state, ...header } = draft
    return html`<span class=${state === 'live' ? 'good' : 'careful'}>${state}</span>, ${plural(text.length, 'character')}
      ${Object.keys(header).length ? html`<div class="mono quiet">${line(header)}</div>` : nothing}
      <div class="mono">${text.length > END_CHARACTERS ? '…' : ''}${text.slice(-END_CHARACTERS)}</div>`
  }
}
