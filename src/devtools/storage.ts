import { html, nothing, type TemplateResult } from 'lit'
import { exportLog } from '../engine/tools/exportLog.ts'
import { persist } from '../engine/tools/persist.ts'
import { bytes, describeError, formatCount, plural } from './format.ts'
import { measureStores, measureTypes, type StoreSize, type TypeSize } from './measure.ts'
import { Panel } from './panel.ts'
import { card, fact, quietLine } from './parts.ts'

/** Shows the stored data, its size, and the state of the second copy. */
export class StoragePanel extends Panel {
  #estimate: StorageEstimate | undefined
  #segments: { readonly count: number; readonly last: number } | undefined
  #stores: readonly StoreSize[] | undefined
  #types: readonly TypeSize[] | undefined
  /** Aborts the measuring or the export that is in progress. */
  #stop: AbortController | undefined
  /** The text of the status line: progress, a result or an error. */
  #told = ''
  /** True once the estimate and the segments were read, or are being read. */
  #asked = false

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#stop?.abort()
  }

  protected override changed(): void {
    super.changed()
    if (this.#asked) return
    this.#asked = true
    void this.#ask()
  }

  /** Reads the browser's estimate and the list of segments. */
  async #ask(): Promise<void> {
    const { database } = this.session.core
    this.#estimate = await navigator.storage?.estimate?.().catch(() => undefined)
    try {
      if (database) {
        const { result } = await database.transact(['segments'], 'readonly', (store) => store('segments').getAllKeys())
        this.#segments = { count: result.length, last: Number(result.at(-1) ?? 0) }
      }
    } catch (error) {
      this.#told = describeError(error)
      this.#asked = false
    }
    this.requestUpdate()
  }

  /** Runs one task at a time, and shows its result or its error. */
  async #run(run: (signal: AbortSignal) => Promise<string>): Promise<void> {
    this.#stop?.abort()
    const stop = new AbortController()
    this.#stop = stop
    this.requestUpdate()
    try {
      this.#told = await run(stop.signal)
    } catch (error) {
      this.#told = stop.signal.aborted ? 'Stopped.' : describeError(error)
    }
    if (this.#stop === stop) this.#stop = undefined
    this.requestUpdate()
  }

  #measure(): void {
    const { core } = this.session
    void this.#run(async (signal) => {
      this.#types = await measureTypes(core, signal, (done, total) => {
        this.#told = `Reading event ${formatCount(done)} of ${formatCount(total)}`
        this.requestUpdate()
      })
      this.#stores = core.database ? await measureStores(core.database, signal) : []
      await this.#ask()
      return 'Measured.'
    })
  }

  #export(): void {
    const { core, engine } = this.session
    void this.#run(async (signal) => {
      const stream = exportLog(engine, {
        signal,
        onProgress: ({ done, total }) => {
          this.#told = `Exported ${formatCount(done)} of ${formatCount(total)} events`
          this.requestUpdate()
        },
      })
      const file = await new Response(stream).blob()
      const link = document.createElement('a')
      link.href = URL.createObjectURL(file)
      link.download = `${core.name}.tidemark`
      link.click()
      URL.revokeObjectURL(link.href)
      return `Exported ${plural(core.head, 'event')}: ${bytes(file.size)}.`
    })
  }

  protected override render(): TemplateResult {
    const { engine } = this.session
    const { storage, mirror, restored } = engine.status
    const { usage = 0, quota = 0 } = this.#estimate ?? {}
    const isBusy = !!this.#stop
    return html`<div class="bar">
        <button ?disabled=${isBusy} @click=${() => this.#measure()}>Measure</button>
        <button ?disabled=${isBusy} @click=${() => this.#export()}>Export the log</button>
        ${isBusy ? html`<button @click=${() => this.#stop?.abort()}>Stop</button>` : nothing}
        <span role="status">${this.#told}</span>
      </div>
      <div class="page"><div class="cards">
        ${card(
          'This site',
          html`This site <span class=${storage === 'persistent' ? 'good' : 'careful'}>${storage}</span>`,
          html`<dl>
            ${fact('used', bytes(usage))}
            ${fact('quota', quota ? html`${bytes(quota)} <meter aria-label="Used of the quota" max=${quota} .value=${usage}></meter>` : 'unknown')}
            ${fact('segments', this.#segments && (this.#segments.count ? `${formatCount(this.#segments.count)}, up to event ${formatCount(this.#segments.last)}` : 'none yet'))}
          </dl>`,
          storage === 'best-effort'
            ? html`<button @click=${() => void this.#persist()}>Ask to persist</button>`
            : nothing,
        )}
        ${card(
          'Second copy',
          html`Second copy <span class=${mirror.state === 'on' ? 'good' : 'careful'}>${mirror.state}</span>`,
          html`<dl>
            ${fact('up to event', formatCount(mirror.sequence))}${fact('reason', mirror.reason)}
            ${fact('restored', restored && `up to event ${formatCount(restored.sequence)}`)}
          </dl>`,
        )}
        ${
          this.#types
            ? sizes(
                'Payloads by type of event',
                'type',
                this.#types.map(({ type, events, bytes }) => [type, events, bytes]),
              )
            : nothing
        }
        ${
          this.#stores?.length
            ? sizes(
                'Bytes by store',
                'store',
                this.#stores.map(({ store, records, bytes }) => [store, records, bytes]),
              )
            : nothing
        }
      </div>
      ${this.#types ? nothing : quietLine('Measure reads the whole log and its database, in slices, and says what each type of event and each store weighs.')}
      </div>`
  }

  async #persist(): Promise<void> {
    const { session } = this
    try {
      session.say(
        (await persist())
          ? 'The browser keeps this storage.'
          : 'The browser refused: it decides by how much a site is used.',
      )
    } catch (error) {
      session.say(describeError(error))
    }
  }
}

function sizes(title: string, what: string, rows: readonly (readonly [string, number, number])[]): TemplateResult {
  const most = Math.max(1, ...rows.map(([, , size]) => size))
  return card(
    title,
    title,
    html`<table>
      <thead><tr><th scope="col">${what}</th><th scope="col" class="number">count</th><th scope="col" class="number">bytes</th><td></td></tr></thead>
      <tbody>${rows.map(
        ([
          name,
          records,
          size,
        ]) => html`<tr><th scope="row" class="mono">${name}</th><td class="number">${formatCount(records)}</td><td class="number">${bytes(size)}</td>
        <td><meter aria-label="Share of ${name}" max=${most} .value=${size}></meter></td></tr>`,
      )}</tbody>
    </table>`,
  )
}
