import { html, nothing, type TemplateResult } from 'lit'
import type { Difference } from '../engine/tools/verify.ts'
import type { Progress } from '../engine/types.ts'
import type { Fold } from '../model/fold.ts'
import { difference, eventLink, rowLink } from './changes.ts'
import { describeError, formatCount, plural } from './format.ts'
import { Panel } from './panel.ts'
import { andMore, card, fact, headedRows, progressLine } from './parts.ts'
import { toolsPart } from './toolsPart.ts'

/** The most differences that are listed. */
const LISTED_DIFFERENCES = 100

interface Work {
  readonly name: string
  readonly stop: AbortController
  progress?: Progress
}

/** Shows each projection: its version, how far it is persisted, and why it failed. */
export class ProjectionsPanel extends Panel {
  #work: Work | undefined
  #told: TemplateResult | typeof nothing = nothing
  #differences: readonly Difference<any>[] = []

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#work?.stop.abort()
  }

  async #run(
    name: string,
    run: (work: Work, onProgress: (progress: Progress) => void) => Promise<string>,
  ): Promise<void> {
    if (this.#work) return
    const work: Work = { name, stop: new AbortController() }
    this.#work = work
    this.#told = nothing
    this.#differences = []
    this.requestUpdate()
    const began = performance.now()
    try {
      const result = await run(work, (progress) => {
        work.progress = progress
        this.requestUpdate()
      })
      this.#told = html`${result} <span class="quiet">It took ${((performance.now() - began) / 1000).toFixed(1)} s.</span>`
    } catch (error) {
      this.#told = work.stop.signal.aborted ? html`Stopped.` : html`<span class="bad">${describeError(error)}</span>`
    }
    this.#work = undefined
    this.requestUpdate()
  }

  #rebuild(projections?: readonly string[]): void {
    const { engine } = this.session
    void this.#run('Rebuilding', async ({ stop }, onProgress) => {
      await engine.rebuild({
        // The panel does not know the types of the model.
        ...(projections && { projections: projections as never }),
        signal: stop.signal,
        onProgress,
      })
      return `${projections?.join(', ') ?? 'Every projection'} was folded again from the log.`
    })
  }

  #verify(): void {
    void this.#run('Verifying', async ({ stop }, onProgress) => {
      const { verify } = await toolsPart.load()
      this.#differences = await verify(this.session.engine, { signal: stop.signal, onProgress })
      const { length } = this.#differences
      return length
        ? `${plural(length, 'row')} differ from what the log says. Rebuild to correct them.`
        : 'What is persisted is what the log says.'
    })
  }

  protected override render(): TemplateResult {
    const { core } = this.session
    const work = this.#work
    return html`<div class="bar">
        <button ?disabled=${!!work} @click=${() => this.#verify()}>Verify all</button>
        <button ?disabled=${!!work} @click=${() => this.#rebuild()}>Rebuild all</button>
        ${
          work
            ? html`<span>${work.name}${work.progress ? html`: ${progressLine(work.name, work.progress)}` : ' …'}</span>
              <button @click=${() => work.stop.abort()}>Stop</button>`
            : nothing
        }
        <span role="status">${this.#told}</span>
      </div>
      <div class="page">
        ${this.#differences.length ? this.#listDifferences() : nothing}
        <div class="cards">${core.projections.map((fold) => this.#card(fold))}</div>
      </div>`
  }

  #card(fold: Fold): TemplateResult {
    const { core, engine } = this.session
    const { name, definition, identity, view } = fold
    const { into, version, evolve } = definition
    const status = engine.status.projections[name]!
    const { state, sequence, error, progress } = status
    const lag = Math.max(0, core.head - sequence)
    // A resident table has a size.
    const rows = into.kind === 'table' && into.resident ? (view as { size: number }).size : undefined
    const tone = state === 'failed' ? 'bad' : state === 'building' ? 'careful' : 'good'
    // Any error may have a cause.
    const cause = (error as { readonly cause?: Error } | undefined)?.cause
    return card(
      name,
      html`${name} <span class=${tone}>${state}</span>`,
      html`<dl>
        ${fact('kind', into.kind === 'value' ? 'value' : `table by ${into.key}, ${into.resident === false ? 'on disk' : 'in memory'}${into.history ? ', with history' : ''}`)}
        ${rows === undefined ? nothing : fact('rows', html`${rowLink(this.session, name)} ${formatCount(rows)}`)}
        ${fact('version', version)}
        ${state === 'failed' ? fact('failed at', eventLink(this.session, sequence)) : fact('persisted', html`${formatCount(sequence)}${lag ? html` <span class="careful">${formatCount(lag)} behind</span>` : ''}`)}
        ${fact('events', Object.keys(evolve).join(', '))}
        ${fact('identity', html`<span class="mono quiet">${identity}</span>`)}
      </dl>
      ${progress ? html`<p>${progressLine(`Rebuild of ${name}`, progress)}</p>` : nothing}
      ${error ? html`<pre class="bad">${describeError(error)}${cause ? `\n\n${cause.stack ?? cause}` : ''}</pre>` : nothing}`,
      html`<button ?disabled=${!!this.#work} @click=${() => this.#rebuild([name])} aria-label="Rebuild ${name}">Rebuild</button>`,
    )
  }

  #listDifferences(): TemplateResult {
    const rows = this.#differences
      .slice(0, LISTED_DIFFERENCES)
      .map(
        ({ projection, key, persisted, folded }) =>
          [rowLink(this.session, projection, key), difference(persisted, folded)] as const,
      )
    return html`${headedRows('Rows that differ from the log: persisted, then folded', rows)}${andMore(this.#differences.length - LISTED_DIFFERENCES)}`
  }
}
