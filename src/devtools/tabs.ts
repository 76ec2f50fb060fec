import { html, nothing, type TemplateResult } from 'lit'
import { lockName } from '../locks.ts'
import { plural } from './format.ts'
import { Panel } from './panel.ts'

/** Milliseconds between two looks at who holds which lock. */
const ASK_MS = 1000

const WORKER = {
  shared: 'A SharedWorker persists the projections.',
  'in-page': 'This page, or another one, persists the projections: there is no SharedWorker.',
  none: 'Nothing persists projections: the engine is in memory, or has no answer of a worker yet.',
}

/** Which tabs have this log open, and who works. */
export class TabsPanel extends Panel {
  #held: readonly LockInfo[] | undefined
  #asked = 0

  protected override changed(): void {
    void this.#ask()
  }

  async #ask(): Promise<void> {
    if (performance.now() - this.#asked < ASK_MS) return
    this.#asked = performance.now()
    this.#held = (await navigator.locks?.query())?.held
    this.requestUpdate()
  }

  protected override render(): TemplateResult {
    const { core, engine } = this.session
    const { worker } = engine.status
    const named = (name: string): readonly LockInfo[] => (this.#held ?? []).filter((lock) => lock.name === name)
    const begins = (name: string): number => (this.#held ?? []).filter((lock) => lock.name?.startsWith(name)).length
    const tabs = named(lockName('log', core.name))
    const clients = new Set(tabs.map(({ clientId }) => clientId))
    const again = (): void => {
      this.#asked = 0
      void this.#ask()
    }
    return html`<div class="bar"><button @click=${again}>Look again</button></div>
      <div class="page">
        <div class="cards">
          <section class="card" aria-label="Worker">
            <h3>Worker <span class=${worker === 'shared' ? 'good' : 'careful'}>${worker}</span></h3>
            <p>${WORKER[worker]}</p>
            <dl>
              <dt>workers alive</dt><dd>${begins('tidemark/worker/')} on this site</dd>
              <dt>page that works</dt><dd>${named(lockName('pipeline', core.name)).length ? 'yes' : 'none'}</dd>
              <dt>engine beside a pipeline</dt><dd>${named(lockName('engine', core.name)).length ? 'yes' : 'none'}</dd>
            </dl>
          </section>
          <section class="card" aria-label="Tabs">
            <h3>${this.#held ? plural(Math.max(clients.size, 1), 'tab') : 'Tabs'} with this log</h3>
            <p class="quiet">Each holds a shared lock while it is open. Work that has to be alone with the log waits for all of them.</p>
            ${this.#held ? html`<ul>${[...clients].map((client) => html`<li class="mono quiet">${client?.slice(0, 8)}</li>`)}</ul>` : nothing}
          </section>
          <section class="card" aria-label="This tab">
            <h3>This tab</h3>
            <dl>
              <dt>log</dt><dd>${core.name}</dd>
              <dt>log id</dt><dd class="mono">${core.logId || 'in memory'}</dd>
              <dt>applied</dt><dd>${core.head}</dd>
              <dt>pending</dt><dd>${plural(core.pending.length, 'command')}</dd>
              <dt>channel</dt><dd>${core.channel ? 'open' : 'none'}</dd>
            </dl>
          </section>
        </div>
      </div>`
  }
}
