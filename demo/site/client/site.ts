/** Runs on every page of the site: the menu of demos, the button of the search, and offline use. */
import { keepOffline } from './offline.ts'
import { openSearch } from './search.ts'

const menu = document.querySelector<HTMLDetailsElement>('.site-menu')

const startSearch = (): void => openSearch(document.querySelector<HTMLAnchorElement>('.site-home')!.href)

const isText = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

document.querySelector('.site-search')?.addEventListener('click', startSearch)
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && menu?.open) {
    menu.open = false
    menu.querySelector('summary')?.focus()
  }
  const command = event.ctrlKey || event.metaKey
  const asked = command ? event.key === 'k' : event.key === '/' && !event.altKey && !isText(event.target)
  if (!asked) return
  event.preventDefault()
  startSearch()
})
addEventListener('click', ({ target }) => {
  if (menu?.open && !menu.contains(target as Node)) menu.open = false
})

for (const toggle of document.querySelectorAll('.book-toggle'))
  toggle.addEventListener('click', () => {
    toggle.setAttribute('aria-expanded', String(toggle.getAttribute('aria-expanded') !== 'true'))
  })

keepOffline()
