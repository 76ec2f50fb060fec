import { type CSSResultGroup, css, LitElement, type PropertyDeclarations } from 'lit'
import type { PanelPlace, Session } from './session.ts'
import { sharedStyles } from './styles.ts'

/** One page of the devtools. A hidden page does no work. */
export abstract class Panel extends LitElement {
  static override properties: PropertyDeclarations = { session: { attribute: false } }
  static override styles: CSSResultGroup = [
    sharedStyles,
    css`
      :host {
        display: flex;
        flex: 1;
        flex-direction: column;
        min-width: 0;
        min-height: 0;
      }
    `,
  ]
  declare session: Session
  #place: PanelPlace | undefined
  #forget: (() => void) | undefined

  override connectedCallback(): void {
    super.connectedCallback()
    this.#forget = this.session.subscribe(() => this.refresh())
    this.refresh()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#forget?.()
  }

  /** Called after a change of the engine and after a link to this page. */
  refresh(): void {
    if (this.hidden) return
    const { place } = this.session
    const isSent = place !== this.#place && place.panel === this.localName.replace('tidemark-', '')
    this.#place = place
    if (isSent) this.sent(place)
    this.changed()
  }

  /** Called when a link leads to this page. */
  protected sent(_place: PanelPlace): void {}
  /** Called when the engine may have changed. Renders again. */
  protected changed(): void {
    this.requestUpdate()
  }
}

/** Defines an element once, however often its module is run. */
export function define(name: string, element: CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, element)
}
