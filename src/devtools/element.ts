import {
  type CSSResultGroup,
  css,
  html,
  LitElement,
  nothing,
  type PropertyDeclarations,
  type TemplateResult,
} from 'lit'
import { CommandsPanel } from './commands.ts'
import { describeError } from './format.ts'
import { HealthPanel } from './health.ts'
import { healthOf } from './healthOf.ts'
import { List } from './list.ts'
import { LogPanel } from './log.ts'
import { define } from './panel.ts'
import { ProjectionsPanel } from './projections.ts'
import { RowsPanel } from './rows.ts'
import { type AnyEngine, openSession, PANELS, type PanelName, type Place, type Session } from './session.ts'
import { shared } from './styles.ts'
import { TabsPanel } from './tabs.ts'
import { TimePanel } from './timeMachine.ts'
import { toolsPart } from './toolsPart.ts'
import { Tree } from './tree.ts'

const TITLES: Readonly<Record<PanelName, string>> = {
  log: 'Log',
  rows: 'Rows',
  time: 'Time machine',
  commands: 'Commands',
  projections: 'Projections',
  tabs: 'Tabs and worker',
  storage: 'Storage',
  health: 'Health',
}

/** Pixels that the panel is high at least, and by which a key changes it. */
const HEIGHT_MIN = 160
const HEIGHT_STEP = 32

/** The panel at the foot of the page. `engine` is what it looks into; setting another one begins anew. */
export class DevtoolsElement extends LitElement {
  static override properties: PropertyDeclarations = {
    engine: { attribute: false },
    open: { type: Boolean, reflect: true },
    button: { type: Boolean },
  }
  static override styles: CSSResultGroup = [
    shared,
    css`
      :host {
        --paper: #f6f9fa;
        --card: #ffffff;
        --ink: #10242e;
        --quiet: #526570;
        --line: #d8e1e5;
        --hover: #eaf1f3;
        --sea: #0b6b74;
        --sea-soft: #d3eaec;
        --mark: #b4371f;
        --good: #17714f;
        --careful: #8a5a00;
        --bad: #b3261e;
        --font: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
        --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
        color-scheme: light dark;
        position: fixed;
        z-index: 2147483000;
        right: 0;
        bottom: 0;
        left: 0;
        pointer-events: none;
      }
      @media (prefers-color-scheme: dark) {
        :host {
          --paper: #0b1519;
          --card: #122027;
          --ink: #e3edf0;
          --quiet: #97abb5;
          --line: #24363f;
          --hover: #16262d;
          --sea: #56c2c6;
          --sea-soft: #17393f;
          --mark: #ff9d80;
          --good: #54c79a;
          --careful: #e0b04a;
          --bad: #ff8a80;
        }
      }
      .launch {
        position: absolute;
        right: max(10px, env(safe-area-inset-right));
        bottom: calc(10px + env(safe-area-inset-bottom));
        padding: 4px 10px;
        border-radius: 99px;
        pointer-events: auto;
        box-shadow: 0 1px 6px rgb(0 0 0 / 20%);
      }
      .dock {
        position: relative;
        display: flex;
        flex-direction: column;
        max-height: 100dvh;
        border-top: 1px solid var(--line);
        background: var(--paper);
        box-shadow: 0 -4px 24px rgb(0 0 0 / 14%);
        pointer-events: auto;
        padding-bottom: env(safe-area-inset-bottom);
      }
      .grip {
        position: absolute;
        z-index: 1;
        top: -4px;
        right: 0;
        left: 0;
        height: 8px;
        cursor: ns-resize;
        touch-action: none;
      }
      header {
        display: flex;
        align-items: center;
        gap: 12px;
        padding: 0 12px;
        border-bottom: 1px solid var(--line);
        background: var(--card);
      }
      .name {
        margin: 0;
        font: inherit;
        font-weight: 700;
        white-space: nowrap;
      }
      .tabs {
        display: flex;
        flex: 1;
        min-width: 0;
        overflow-x: auto;
        scrollbar-width: none;
      }
      .tabs button {
        flex: none;
        min-height: 34px;
        padding: 0 10px;
        border: 0;
        border-radius: 0;
        background: none;
        color: var(--quiet);
        outline-offset: -3px;
      }
      .tabs button[aria-selected='true'] {
        color: var(--ink);
        font-weight: 600;
        box-shadow: inset 0 -2px var(--sea);
      }
      .dot::before {
        display: inline-block;
        width: 8px;
        height: 8px;
        margin-right: 6px;
        border-radius: 50%;
        background: currentColor;
        content: '';
      }
      footer {
        display: flex;
        gap: 12px;
        justify-content: space-between;
        padding: 3px 12px;
        border-top: 1px solid var(--line);
        background: var(--card);
      }
      @media (max-width: 640px) {
        .name {
          position: absolute;
          overflow: hidden;
          width: 1px;
          height: 1px;
          clip-path: inset(50%);
        }
        header {
          gap: 4px;
          padding: 0 6px;
        }
        .tabs button {
          min-height: 40px;
        }
        footer {
          flex-direction: column;
          gap: 0;
        }
      }
    `,
  ]
  declare engine: AnyEngine | undefined
  declare open: boolean
  declare button: boolean
  #session: Session | undefined
  #forget: (() => void) | undefined
  #place: Place | undefined
  #panel: PanelName = 'log'
  #isLoading = false
  readonly #pages = new Map<PanelName, HTMLElement>()
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
    this.#pages.clear()
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('engine') && this.isConnected) {
      this.#end()
      if (this.engine) {
        const session = openSession(this.engine)
        this.#session = session
        this.#place = session.place
        this.#forget = session.subscribe(() => this.#look(session))
      }
    }
    if (changed.has('open')) this.#toggled(changed.get('open') as boolean | undefined)
  }

  #toggled(before: boolean | undefined): void {
    if (this.open) {
      this.#before = document.activeElement
      void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-selected=true]')?.focus())
    } else if (before) {
      // Panels of a closed dock do nothing.
      this.#pages.clear()
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

  /** Nothing has the focus once the button that was pressed is disabled or gone. */
  #isMeant(event: KeyboardEvent): boolean {
    return event.composedPath().includes(this) || event.target === document.body
  }

  #choose(panel: PanelName): void {
    this.#isLoading = false
    this.#panel = panel
    this.requestUpdate()
  }

  #tabPressed(event: KeyboardEvent): void {
    const at = PANELS.indexOf(this.#panel)
    const { length } = PANELS
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + length, Home: 0, End: length - 1 }[event.key]
    const panel = next === undefined ? undefined : PANELS[next % length]
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
    return html`<section class="dock" aria-label="Tidemark devtools">
      <div class="grip" role="separator" tabindex="0" aria-label="Height of the devtools" aria-orientation="horizontal"
        aria-valuemin=${HEIGHT_MIN} aria-valuemax=${globalThis.innerHeight} aria-valuenow=${this.#height}
        @pointerdown=${(event: PointerEvent) => (event.target as Element).setPointerCapture(event.pointerId)}
        @pointermove=${this.#dragged} @keydown=${this.#gripPressed}></div>
      <header>
        <h2 class="name">Tidemark <span class="quiet">${session.core.name}</span></h2>
        <div class="tabs" role="tablist" aria-label="Panels" @keydown=${this.#tabPressed}>
          ${PANELS.map(
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
      ${PANELS.map((panel) => this.#page(panel, session))}
      <footer>
        <span class="dot ${tone}" role="status">${sentence}</span>
        <span class="quiet" role="status">${session.said}</span>
      </footer>
    </section>`
  }

  /** The page of a tab, made when it is first chosen. Until then an empty one is there for its tab to point at. */
  #page(panel: PanelName, session: Session): HTMLElement {
    const isHere = panel === this.#panel
    const isDefined = customElements.get(`tidemark-${panel}`) !== undefined
    if (isHere && !isDefined && !this.#isLoading) void this.#defineLate(session)
    const known = this.#pages.get(panel)
    if (known && (known.localName !== 'div' || !isHere || !isDefined)) {
      known.hidden = !isHere
      return known
    }
    const isMade = isHere && isDefined
    const page = document.createElement(isMade ? `tidemark-${panel}` : 'div')
    page.id = `panel-${panel}`
    page.role = 'tabpanel'
    page.setAttribute('aria-labelledby', `tab-${panel}`)
    page.hidden = !isHere
    if (isMade) Object.assign(page, { session })
    this.#pages.set(panel, page)
    return page
  }

  /** Storage comes with the tools that it is made of. */
  async #defineLate(session: Session): Promise<void> {
    // After a failure, until somebody chooses the tab again.
    this.#isLoading = true
    try {
      const { StoragePanel } = await toolsPart.load()
      define('tidemark-storage', StoragePanel)
      this.requestUpdate()
    } catch (error) {
      session.say(describeError(error))
    }
  }

  protected override updated(): void {
    const dock = this.renderRoot.querySelector<HTMLElement>('.dock')
    if (dock) dock.style.height = `${this.#height}px`
    // A panel that is shown again has missed what happened meanwhile.
    const panel = this.renderRoot.querySelector(`tidemark-${this.#panel}`)
    if (panel && 'look' in panel) (panel as LogPanel).look()
  }
}

/** Defines every element of the panel. */
export function defineElements(): void {
  define('tidemark-list', List)
  define('tidemark-tree', Tree)
  define('tidemark-log', LogPanel)
  define('tidemark-rows', RowsPanel)
  define('tidemark-time', TimePanel)
  define('tidemark-commands', CommandsPanel)
  define('tidemark-projections', ProjectionsPanel)
  define('tidemark-tabs', TabsPanel)
  define('tidemark-health', HealthPanel)
  define('tidemark-devtools', DevtoolsElement)
}
