import type MiniSearch from 'minisearch'
import { type Found, searchOptions } from '../searchOptions.ts'

/** The most results that are shown. */
const SHOWN = 12

interface Search {
  readonly dialog: HTMLDialogElement
  readonly input: HTMLInputElement
}

let opened: Search | undefined

/** Opens the search over the page at once. The first call loads the index. Until then it keeps what is typed, and searches it later. */
export function openSearch(root: string): void {
  opened ??= create(root)
  const { dialog, input } = opened
  if (dialog.open) return
  dialog.showModal()
  input.select()
}

/** Loads MiniSearch and the index when they are needed: most visitors never search. */
async function loadIndex(): Promise<MiniSearch> {
  const [{ default: Index }, { default: text }] = await Promise.all([
    import('minisearch'),
    import('virtual:search-index'),
  ])
  return Index.loadJSON(text, searchOptions)
}

function create(root: string): Search {
  const dialog = document.createElement('dialog')
  dialog.className = 'search'
  dialog.setAttribute('aria-label', 'Search')
  dialog.innerHTML = `<form method="dialog" role="search">
    <input type="search" aria-label="Search the guide and the reference" placeholder="Search the guide and the reference" autocomplete="off" spellcheck="false" enterkeyhint="go" />
    <button class="button" aria-label="Close the search">Esc</button>
  </form>
  <p class="search-note" role="status">Loading the index</p>
  <ol class="search-results"></ol>`
  const input = dialog.querySelector('input')!
  const note = dialog.querySelector('.search-note')!
  const list = dialog.querySelector('ol')!
  const links = () => [...list.querySelectorAll('a')]

  dialog.addEventListener('click', ({ target }) => {
    // A click beside the content has the dialog element as its target. A link within the same page would not close the dialog by itself.
    if (target === dialog || (target as Element).closest('a')) dialog.close()
  })
  dialog.addEventListener('keydown', (event) => {
    const all: HTMLElement[] = [input, ...links()]
    const at = all.indexOf(document.activeElement as HTMLElement)
    if (event.key === 'Escape') {
      // Without this, Chromium would first empty the input.
      event.preventDefault()
      dialog.close()
    }
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step) {
      event.preventDefault()
      all[(at + step + all.length) % all.length]?.focus()
    } else if (event.key === 'Enter' && at === 0) {
      event.preventDefault()
      if (!event.isComposing) links()[0]?.click()
    } else if (at > 0 && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) input.focus()
  })
  document.body.append(dialog)

  loadIndex().then(
    (index) => {
      const show = (): void => {
        const query = input.value.trim()
        const found = query ? (index.search(query) as unknown as readonly Found[]).slice(0, SHOWN) : []
        list.replaceChildren(...found.map((one) => resultOf(one, root)))
        note.textContent = describe(query, found.length)
      }
      input.addEventListener('input', show)
      show()
    },
    () => {
      note.textContent = 'The index could not be loaded. Reload the page to try again.'
    },
  )
  return { dialog, input }
}

function describe(query: string, found: number): string {
  if (!query) return 'Type a word: an export, a rule, a message.'
  if (found === 0) return `Nothing found for “${query}”.`
  if (found === SHOWN) return `The best ${found} results`
  return found === 1 ? '1 result' : `${found} results`
}

function resultOf({ url, title, page, excerpt }: Found, root: string): HTMLElement {
  const item = document.createElement('li')
  const link = document.createElement('a')
  link.href = new URL(url, root).href
  for (const [name, text] of Object.entries({ title, page, excerpt })) {
    const part = document.createElement('span')
    part.className = `search-${name}`
    part.textContent = text
    link.append(part)
  }
  item.append(link)
  return item
}
