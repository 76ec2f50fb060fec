import type { Locator, Page } from 'playwright-core'
import type { PlaywrightTab } from './playwright.ts'

/** The tabs of the devtools that every engine has. */
export const TABS = [
  'Log',
  'Rows',
  'Time machine',
  'Commands',
  'Projections',
  'Reactions',
  'Tabs and worker',
  'Storage',
  'Health',
] as const

/** The lines in the console that say that something is wrong. */
export const complaints = ({ log }: PlaywrightTab): readonly string[] =>
  log.filter((line) => !/^(log|info|debug)|Service Worker registration blocked/.test(line))
export const panel = (page: Page): Locator => page.locator('tidemark-devtools')
export const tabNamed = (page: Page, name: string): Locator => panel(page).getByRole('tab', { name, exact: true })
export const rows = (page: Page, of = 'log'): Locator => page.locator(`tidemark-${of}:not([hidden]) tidemark-list .row`)
