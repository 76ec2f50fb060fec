import {
  type CSSResultGroup,
  css,
  html,
  LitElement,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit'
import { line, plural } from './format.ts'
import { sharedStyles } from './styles.ts'

/** The number of members that are shown at once. A button shows as many more. */
const MEMBERS = 100
/** The number of characters of a string that are shown before the user expands it. */
const STRING_CHARACTERS = 2000

/** A tree view of a JSON value or a row. Each level is expanded separately. */
export class Tree extends LitElement {
  static override properties: PropertyDeclarations = { value: { attribute: false } }
  static override styles: CSSResultGroup = [
    sharedStyles,
    css`
      :host {
        display: block;
        margin: 0 0 10px;
        font: 11.5px / 1.55 var(--mono);
      }
      details details,
      details .leaf {
        margin-left: 14px;
      }
      summary {
        cursor: pointer;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      details[open] > summary > .preview {
        display: none;
      }
      .leaf {
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      .key {
        color: var(--sea);
      }
      .string {
        color: var(--good);
      }
      .other {
        color: var(--mark);
      }
    `,
  ]
  declare value: unknown
  #open = new Set<string>([''])
  #more = new Map<string, number>()

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('value')) this.#more.clear()
  }

  protected override render(): TemplateResult {
    return html`${this.#node('', this.value, '')}`
  }

  #node(key: string, value: unknown, path: string): TemplateResult {
    const name = key ? html`<span class="key">${key}</span>: ` : nothing
    if (typeof value !== 'object' || !value || value instanceof Date || ArrayBuffer.isView(value))
      return html`<div class="leaf">${name}${leaf(value)}</div>`
    const members = shownMembersOf(value)
    if (!members.length) return html`<div class="leaf">${name}${Array.isArray(value) ? '[]' : '{}'}</div>`
    const isOpen = this.#open.has(path)
    const shown = this.#more.get(path) ?? MEMBERS
    const toggled = (event: Event): void => {
      // Only the element has this listener.
      const { open } = event.target as HTMLDetailsElement
      if (open === this.#open.has(path)) return
      if (open) this.#open.add(path)
      else this.#open.delete(path)
      this.requestUpdate()
    }
    const showMore = (): void => {
      this.#more.set(path, shown + MEMBERS)
      this.requestUpdate()
    }
    return html`<details ?open=${isOpen} @toggle=${toggled}>
      <summary>${name}<span class="preview quiet">${isOpen ? '' : line(value, 80)}</span><span class="quiet">${
        isOpen
          ? Array.isArray(value)
            ? `[${members.length}]`
            : key
              ? ''
              : plural(members.length, 'property').replace('propertys', 'properties')
          : ''
      }</span></summary>
      ${isOpen ? members.slice(0, shown).map(([name, member]) => this.#node(name, member, `${path}/${name}`)) : nothing}
      ${isOpen && members.length > shown ? html`<button class="link" @click=${showMore}>${members.length - shown} more</button>` : nothing}
    </details>`
  }
}

function shownMembersOf(value: object): readonly (readonly [string, unknown])[] {
  if (value instanceof Map) return [...value].map(([key, member]) => [line(key, 40), member])
  if (value instanceof Set) return [...value].map((member, i) => [String(i), member])
  return Object.entries(value)
}

function leaf(value: unknown): TemplateResult {
  if (typeof value !== 'string') return html`<span class="other">${String(value)}</span>`
  const cut = value.length > STRING_CHARACTERS
  return html`<span class="string">${JSON.stringify(cut ? value.slice(0, STRING_CHARACTERS) : value)}</span>${
    cut ? html` <span class="quiet">and ${value.length - STRING_CHARACTERS} characters more</span>` : nothing
  }`
}
