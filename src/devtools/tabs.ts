import { html, nothing, type TemplateResult } from 'lit'
import { lockName } from '../locks.ts'
import { formatCount, plural } from './format.ts'
import { Panel } from './panel.ts'
import { card, fact, quietLine } from './parts.ts'

/** Milliseconds between two queries of the locks. */
const LOCKS_MS = 1000

const WORKER = {
  shared: 'A SharedWorker persists the projections.',
  'in-page': 'This page, or another one, persists the projections: there is no SharedWorker.',
  none: 'Nothing persists projections: the engine is in memory, or has no answer of a worker yet.',
}

/** Shows the tabs that have this log open, and where the pipeline runs. */
export class TabsPanel extends Panel {
  #held: readonly LockInfo[] | undefined
  #asked = 0

  protected override changed(): void {
    super.changed()
    void this.#ask()
  }

  async #ask(): Promise<void> {
    if (performance.now() - this.#asked < LOCKS_MS) return
    this.#asked = performance.now()
    // The browser may refuse this to a page without storage access.
    this.#held = (await navigator.locks?.query().catch(() => undefined))?.held
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
      <div class="page" tabindex="0"><div class="cards">${[
        card(
          'Worker',
          html`Worker <span class=${worker === 'shared' ? 'good' : 'careful'}>${worker}</span>`,
          html`<p>${WORKER[worker]}</p>
          <dl>
            ${fact('workers alive', `${begins('tidemark/worker/')} on this site`)}
            ${fact('page that works', named(lockName('pipeline', core.name)).length ? 'yes' : 'none')}
            ${fact('engine beside a pipeline', named(lockName('engine', core.name)).length ? 'yes' : 'none')}
          </dl>`,
        ),
        card(
          'Tabs',
          `${this.#held ? plural(Math.max(clients.size, 1), 'tab') : 'Tabs'} with this log`,
          html`${quietLine('Each holds a shared lock while it is open. Work that has to be alone with the log waits for all of them.')}
          ${this.#held ? html`<ul>${[...clients].map((client) => html`<li class="mono quiet">${client?.slice(0, 8)}</li>`)}</ul>` : nothing}`,
        ),
        card(
          'This tab',
          'This tab',
          html`<dl>
            ${fact('log', core.name)}${fact('log id', html`<span class="mono">${core.logId || 'in memory'}</span>`)}
            ${fact('applied', formatCount(core.head))}${fact('pending', plural(core.pending.length, 'command'))}
            ${fact('channel', core.channel ? 'open' : 'none')}
          </dl>`,
        ),
      ]}</div></div>`
  }
}
