import { html, type TemplateResult } from 'lit'
import { describeError, formatCount, time } from './format.ts'
import { healthOf } from './healthOf.ts'
import { Panel } from './panel.ts'
import { card, fact, quietLine } from './parts.ts'
import { healthReportOf } from './report.ts'

/** The health of the engine in one sentence, the last errors, and a report to copy. */
export class HealthPanel extends Panel {
  #isWhole = false
  #report = ''

  protected override changed(): void {
    super.changed()
    void this.#write()
  }

  async #write(): Promise<void> {
    const report = await healthReportOf(this.session, this.#isWhole).catch(describeError)
    if (report === this.#report) return
    this.#report = report
    this.requestUpdate()
  }

  protected override render(): TemplateResult {
    const { session } = this
    const { tone, sentence } = healthOf(session.engine)
    const { sequence, projected, pending } = session.engine.status
    const toggled = (event: Event): void => {
      // Only the check box has this listener.
      this.#isWhole = (event.target as HTMLInputElement).checked
      void this.#write()
    }
    return html`<div class="page"><div class="cards">${[
      card(
        'Health',
        html`<span class=${tone}>${sentence}</span>`,
        html`<dl>
          ${fact('events', formatCount(sequence))}${fact('persisted to', formatCount(projected))}${fact('pending', formatCount(pending))}
        </dl>
        <h3>Errors seen</h3>
        ${
          session.errors.length
            ? session.errors.map(
                ({ at, error }) =>
                  html`<details><summary><span class="quiet">${time(at)}</span> ${describeError(error)}</summary><pre>${error.stack}</pre></details>`,
              )
            : quietLine('None since the panel was mounted.')
        }`,
      ),
      card(
        'Report',
        'Report',
        html`${quietLine(this.#isWhole ? 'Messages of errors may hold what people wrote.' : 'Redacted: no payloads, rows, keys, ids or messages of errors.')}
        <pre tabindex="0" role="group" aria-label="The report">${this.#report}</pre>`,
        html`<label><input type="checkbox" .checked=${this.#isWhole} @change=${toggled}> with messages</label>
          <button @click=${() => session.copy(this.#report)}>Copy a report</button>`,
      ),
    ]}</div></div>`
  }
}
