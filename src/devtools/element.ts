import { type CSSResultGroup, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit'
import { CommandsPanel } from './commands.ts'
import { dockStyle } from './dockStyle.ts'
import { healthOf } from './healthOf.ts'
import { List } from './list.ts'
import { LogPanel } from './log.ts'
import { createPages, type TabPages } from './pages.ts'
import { define, type Panel } from './panel.ts'
import { ProjectionsPanel } from './projections.ts'
import { RowsPanel } from './rows.ts'
import {
  type InspectedEngine,
  openSession,
  type PanelName,
  type PanelPlace,
  panelsOf,
  type Session,
} from './session.ts'
import { sharedStyles } from './styles.ts'
import { Tree } from './tree.ts'

const TITLES: Readonly<Record<PanelName, string>> = {
  log: 'Log',
  rows: 'Rows',
  time: 'Time machine',
  commands: 'Commands',
  projections: 'Projections',
  reactions: 'Reactions',
  drafts: 'Drafts',
  sync: 'Sync',
  tabs: 'Tabs and worker',
  storage: 'Storage',
  health: 'Health',
}

/** The least height of the panel in pixels, and the step by which a key changes it. */
const HEIGHT_MIN = 160
const HEIGHT_STEP = 32

/** The panel at the foot of the page. It shows `engine`. Setting another engine resets the panel. */
export class DevtoolsElement extends LitElement {
  static override properties: PropertyDeclarations = {
    engine: { attribute: false },
    open: { type: Boolean, reflect: true },
    button: { type: Boolean },
  }
  static override styles: CSSResultGroup = [sharedStyles, dockStyle]
  declare engine: InspectedEngine | undefined
  declare open: boolean
  declare button: boolean
  #session: Session | undefined
  #forget: (() => void) | undefined
  #place: PanelPlace | undefined
  #panel: PanelName = 'log'
  #pages: TabPages | undefined
  #shown: Panel | null = null
  #height = Math.round(globalThis.innerHeight * (globalThis.innerWidth > 640 ? 0.46 : 0.7))
  #before: Element | null = null

  constructor() {
    super()
    this.open = false
    this.button = true
  }

  override connectedCallback(): void {
    super.connectedCallback()
    globalThis.addEventListener('keydown', this.#pressed)
    if (this.hasUpdated) this.requestUpdate('engine', null)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    globalThis.removeEventListener('keydown', this.#pressed)
    this.#end()
  }

  #end(): void {
    this.#forget?.()
    this.#session?.close()
    this.#session = undefined
    this.#pages?.clear()
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('engine') && this.isConnected) {
      this.#end()
      if (this.engine) {
        const session = openSession(this.engine)
        this.#session = session
        this.#place = session.place
        this.#pages = createPages(session, () => this.requestUpdate())
        this.#forget = session.subscribe(() => this.#look(session))
      }
    }
    // Lit's map knows no types.
    if (changed.has('open')) this.#toggled(changed.get('open') as boolean | undefined)
  }

  #toggled(before: boolean | undefined): void {
    if (this.open) {
      this.#before = document.activeElement
      void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-selected=true]')?.focus())
    } else if (before) {
      // The pages of a closed panel do no work.
      this.#pages?.clear()
      if (this.#before instanceof HTMLElement) this.#before.focus()
    }
  }

  #look(session: Session): void {
    if (session.place !== this.#place) {
      this.#place = session.place
      this.#panel = session.place.panel
    }
    if (this.open) this.requestUpdate()
  }

  readonly #pressed = (event: KeyboardEvent): void => {
    if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === 'd') {
      event.preventDefault()
      this.open = !this.open
    } else if (event.key === 'Escape' && this.open && this.#isMeant(event)) {
      event.preventDefault()
      event.stopPropagation()
      this.open = false
    }
  }

  /** Whether a key is meant for the panel. After a pressed button is disabled or removed, the body receives the keys. */
  #isMeant(event: KeyboardEvent): boolean {
    return event.composedPath().includes(this) || event.target === document.body
  }

  #choose(panel: PanelName): void {
    this.#pages?.chosen()
    this.#panel = panel
    this.requestUpdate()
  }

  #tabPressed(event: KeyboardEvent): void {
    const panels = this.#session ? panelsOf(this.#session) : []
    const at = panels.indexOf(this.#panel)
    const { length } = panels
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + length, Home: 0, End: length - 1 }[event.key]
    const panel = next === undefined ? undefined : panels[next % length]
    if (!panel) return
    event.preventDefault()
    this.#choose(panel)
    void this.updateComplete.then(() => {
      const tab = this.renderRoot.querySelector<HTMLElement>(`#tab-${panel}`)
      tab?.focus()
      tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    })
  }

  #resize(height: number): void {
    this.#height = Math.max(HEIGHT_MIN, Math.min(globalThis.innerHeight - 40, Math.round(height)))
    this.requestUpdate()
  }

  #dragged(event: PointerEvent): void {
    if (event.buttons & 1) this.#resize(globalThis.innerHeight - event.clientY)
  }

  #gripPressed(event: KeyboardEvent): void {
    const by = { ArrowUp: HEIGHT_STEP, ArrowDown: -HEIGHT_STEP }[event.key]
    if (by === undefined) return
    event.preventDefault()
    this.#resize(this.#height + by)
  }

  protected override render(): TemplateResult | typeof nothing {
    const session = this.#session
    if (!session) return nothing
    if (!this.open) {
      return this.button
        ? html`<button class="launch" title="Ctrl+Shift+D" @click=${() => {
            this.open = true
          }}>Tidemark</button>`
        : nothing
    }
    const { tone, sentence } = healthOf(session.engine)
    const panels = panelsOf(session)
    // Only the handle gets these events, and it is an element.
    const dragBegins = ({ target, pointerId }: PointerEvent): void => (target as Element).setPointerCapture(pointerId)
    return html`<section class="dock" aria-label="Tidemark devtools">
      <div class="grip" role="separator" tabindex="0" aria-label="Height of the devtools" aria-orientation="horizontal"
        aria-valuemin=${HEIGHT_MIN} aria-valuemax=${globalThis.innerHeight} aria-valuenow=${this.#height}
        @pointerdown=${dragBegins}
        @pointermove=${this.#dragged} @keydown=${this.#gripPressed}></div>
      <header>
        <h2 class="name">Tidemark <span class="quiet">${session.core.name}</span></h2>
        <div class="tabs" role="tablist" aria-label="Panels" @keydown=${this.#tabPressed}>
          ${panels.map(
            (
              panel,
            ) => html`<button role="tab" id="tab-${panel}" aria-selected=${panel === this.#panel} aria-controls=${`panel-${panel}`}
            tabindex=${panel === this.#panel ? 0 : -1} @click=${() => this.#choose(panel)}>${TITLES[panel]}</button>`,
          )}
        </div>
        <button aria-label="Close the devtools" title="Esc" @click=${() => {
          this.open = false
        }}>✕</button>
      </header>
      ${panels.map((panel) => this.#pages?.of(panel, panel === this.#panel))}
      <footer>
        <span class="dot ${tone}" role="status">${sentence}</span>
        <span class="quiet" role="status">${session.said}</span>
      </footer>
    </section>`
  }

  protected override updated(): void {
    const dock = this.renderRoot.querySelector<HTMLElement>('.dock')
    if (dock) dock.style.height = `${this.#height}px`
    // While the panel was closed, this page received no changes.
    const shown = this.renderRoot.querySelector<Panel>(`tidemark-${this.#panel}`)
    if (shown !== this.#shown) shown?.refresh()
    this.#shown = shown
  }
}

/** Defines the elements of the panel, without the pages that are loaded later. */
export function defineElements(): void {
  define('tidemark-list', List)
  define('tidemark-tree', Tree)
  define('tidemark-log', LogPanel)
  define('tidemark-rows', RowsPanel)
  define('tidemark-commands', CommandsPanel)
  define('tidemark-projections', ProjectionsPanel)
  define('tidemark-devtools', DevtoolsElement)
}
