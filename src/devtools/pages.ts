import { describeError } from './format.ts'
import { define } from './panel.ts'
import type { PanelName, Session } from './session.ts'
import { toolsPart } from './toolsPart.ts'

/** The pages of the tabs. */
export interface TabPages {
  /** The page of a tab. It is made when it is first shown. Until then an empty element takes its place. */
  of(panel: PanelName, isShown: boolean): HTMLElement
  /** Removes all pages when the panel is closed, so that they do no work. */
  clear(): void
  /** Called when the user chooses a tab. Loads its code again if that failed before. */
  chosen(): void
}

/** Calls `changed` when the code of a page is loaded. */
export function createPages(session: Session, changed: () => void): TabPages {
  const pages = new Map<PanelName, HTMLElement>()
  let isLoading = false

  async function load(): Promise<void> {
    // After a failure it stays unloaded until the user chooses the tab again.
    isLoading = true
    try {
      for (const [name, page] of Object.entries((await toolsPart.load()).latePages)) define(name, page)
      changed()
    } catch (error) {
      session.say(describeError(error))
    }
  }

  return {
    of(panel, isShown) {
      const name = `tidemark-${panel}`
      const isDefined = customElements.get(name) !== undefined
      if (isShown && !isDefined && !isLoading) void load()
      const tag = isShown && isDefined ? name : 'div'
      let page = pages.get(panel)
      if (!page || (tag === name && page.localName !== name)) {
        page = document.createElement(tag)
        page.id = `panel-${panel}`
        page.role = 'tabpanel'
        page.setAttribute('aria-labelledby', `tab-${panel}`)
        if (tag === name) Object.assign(page, { session })
        pages.set(panel, page)
      }
      page.hidden = !isShown
      return page
    },
    clear: () => pages.clear(),
    chosen() {
      isLoading = false
    },
  }
}
