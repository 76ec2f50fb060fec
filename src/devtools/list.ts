import { type CSSResultGroup, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit'
import { listStyle } from './listStyle.ts'
import { sharedStyles } from './styles.ts'

/** The height of one row in pixels. */
const ROW = 24
/** The greatest height in pixels that every browser allows an element. Firefox stops at 17,895,697; a million rows need 24,000,000. */
const HEIGHT_MAX = 8_000_000
/** Milliseconds without scrolling after which the scroll bar is moved to match the rows. */
const SETTLE_MS = 200

/**
 * A list of any length that renders the rows that are seen. The rows stay in a window that does not scroll with the bar, so nothing blank is
 * ever seen, and a bar that is shorter than the list moves it row by row when it moves a little, and in proportion when it moves far.
 */
export class List extends LitElement {
  static override properties: PropertyDeclarations = {
    count: { attribute: false },
    selected: { attribute: false },
    item: { attribute: false },
    label: { attribute: false },
  }
  static override styles: CSSResultGroup = [sharedStyles, listStyle]

  declare count: number
  declare selected: number | undefined
  /** Renders the content of a row. A row with a `border` begins a group. */
  declare item: (index: number) => { readonly content: TemplateResult; readonly border?: boolean }
  declare label: string
  /** The pixels of all rows above the window. */
  #position = 0
  #height = 0
  #bar = 0
  #settling: ReturnType<typeof setTimeout> | undefined
  #sizes: ResizeObserver | undefined

  constructor() {
    super()
    this.count = 0
    this.label = ''
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#sizes = new ResizeObserver(() => {
      this.#height = this.clientHeight
      this.requestUpdate()
    })
    this.#sizes.observe(this)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#sizes?.disconnect()
    clearTimeout(this.#settling)
  }

  /** The number of rows that come into the window when rows are added at the top: none if it shows others. */
  get following(): number {
    return this.#position > 0 ? 0 : Math.ceil(this.#height / ROW) + 1
  }

  /** Called when rows were added at the top. The visible rows stay where they are, unless the list shows its top. */
  grow(rows: number): void {
    if (this.#position > 0) this.#position += rows * ROW
    this.#settle()
  }

  /** Scrolls a row into the window. */
  reveal(index: number): void {
    const top = index * ROW
    if (top < this.#position) this.#position = top
    else if (top + ROW > this.#position + this.#height) this.#position = top + ROW - this.#height
    this.#settle()
    this.requestUpdate()
  }

  top(): void {
    this.#position = 0
    this.#settle()
    this.requestUpdate()
  }

  get #scroller(): HTMLElement | null {
    return this.renderRoot.querySelector('.scroll')
  }
  get #most(): number {
    return Math.max(0, this.count * ROW - this.#height)
  }
  get #barMost(): number {
    return Math.max(0, Math.min(this.count * ROW, HEIGHT_MAX) - this.#height)
  }

  #settle(): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.#moveBar(), SETTLE_MS)
  }

  #moveBar(): void {
    const scroller = this.#scroller
    if (!scroller || !this.#most) return
    scroller.scrollTop = (this.#position / this.#most) * this.#barMost
    this.#bar = scroller.scrollTop
  }

  #scrolled(): void {
    const bar = this.#scroller?.scrollTop ?? 0
    const distance = bar - this.#bar
    if (!distance) return
    this.#bar = bar
    const isWhole = this.#barMost === this.#most
    if (isWhole) this.#position = bar
    else if (bar <= 0 || bar >= this.#barMost - 1 || Math.abs(distance) > 2 * this.#height)
      this.#position = (bar / this.#barMost) * this.#most
    else {
      this.#position += distance
      this.#settle()
    }
    this.requestUpdate()
  }

  #pressed(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.#height / ROW) - 1)
    const at = this.selected ?? -1
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: Math.max(0, at - 1),
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.count - 1,
    }
    const next = steps[event.key]
    if (next === undefined || !this.count) return
    event.preventDefault()
    this.#pick(Math.max(0, Math.min(this.count - 1, next)))
  }

  #pick(index: number): void {
    this.reveal(index)
    this.dispatchEvent(new CustomEvent('pick', { detail: index }))
  }

  protected override willUpdate(): void {
    this.#position = Math.max(0, Math.min(this.#position, this.#most))
  }

  protected override render(): TemplateResult {
    const first = Math.floor(this.#position / ROW)
    const shown = Math.max(0, Math.min(this.count - first, Math.ceil(this.#height / ROW) + 1))
    const rows = Array.from({ length: shown }, (_, i) => {
      const index = first + i
      const { content, border } = this.item(index)
      return html`<div
        id=${`row-${index}`}
        class="row ${border ? 'border' : ''}"
        role="option"
        aria-selected=${index === this.selected}
        aria-setsize=${this.count}
        aria-posinset=${index + 1}
        @click=${() => this.#pick(index)}
      >${content}</div>`
    })
    const isSeen = this.selected !== undefined && this.selected >= first && this.selected < first + shown
    return html`<div
      class="scroll"
      tabindex="0"
      role=${this.count ? 'listbox' : nothing}
      aria-label=${this.count ? this.label : nothing}
      aria-activedescendant=${isSeen ? `row-${this.selected}` : nothing}
      @scroll=${this.#scrolled}
      @keydown=${this.#pressed}
    ><div class="space" role="presentation"><div class="window" role="presentation"><div class="rows" role="presentation">${rows}</div></div></div></div>`
  }

  /** Sets sizes through `style` objects, because a content security policy may refuse style attributes. */
  protected override updated(): void {
    const size = (name: string): CSSStyleDeclaration | undefined =>
      this.renderRoot.querySelector<HTMLElement>(name)?.style
    const [space, window, rows] = [size('.space'), size('.window'), size('.rows')]
    if (!space || !window || !rows) return
    space.height = `${Math.min(this.count * ROW, HEIGHT_MAX)}px`
    window.height = `${Math.min(this.count * ROW, this.#height)}px`
    rows.transform = `translateY(${-(this.#position % ROW)}px)`
  }
}
